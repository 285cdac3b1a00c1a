/* SPDX-License-Identifier: BSD-3-Clause */
#include "tools/live/devices.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>

#include "audio_io/live/engine.h"
#include "nn/error.h"

enum { MAX_DEVICES = 256 };

static void print_table(const ravel_device_info *devices, int n)
{
    (void)printf("%4s  %3s %3s  %6s  %13s  %s\n", "", "in", "out", "Hz", "delay in, out", "");
    for (int i = 0; i < n; i++) {
        const ravel_device_info *device = &devices[i];
        const char *usual = device->default_input && device->default_output ? "  (usual)"
                            : device->default_input                         ? "  (usual input)"
                            : device->default_output                        ? "  (usual output)"
                                                                            : "";
        (void)printf("%4d  %3d %3d  %6d  %5.1f %5.1f ms  %s%s\n", device->number, device->n_inputs,
                     device->n_outputs, device->rate_hz, device->input_ms, device->output_ms,
                     device->name, usual);
    }
}

static cJSON *facts_of(const ravel_device_info *device)
{
    cJSON *facts = cJSON_CreateObject();
    cJSON_AddNumberToObject(facts, "number", device->number);
    cJSON_AddStringToObject(facts, "name", device->name);
    cJSON_AddNumberToObject(facts, "inputs", device->n_inputs);
    cJSON_AddNumberToObject(facts, "outputs", device->n_outputs);
    cJSON_AddNumberToObject(facts, "rate_hz", device->rate_hz);
    cJSON_AddNumberToObject(facts, "input_ms", device->input_ms);
    cJSON_AddNumberToObject(facts, "output_ms", device->output_ms);
    cJSON_AddBoolToObject(facts, "default_input", device->default_input);
    cJSON_AddBoolToObject(facts, "default_output", device->default_output);
    return facts;
}

static int print_json(const ravel_device_info *devices, int n, ravel_error *error)
{
    cJSON *all = cJSON_CreateObject(), *list = cJSON_AddArrayToObject(all, "devices");
    for (int i = 0; i < n; i++)
        cJSON_AddItemToArray(list, facts_of(&devices[i]));
    char *text = cJSON_Print(all);
    cJSON_Delete(all);
    if (text == NULL)
        return ravel_error_memory(error);
    (void)puts(text);
    free(text);
    return 0;
}

int ravel_live_list_devices(bool json, ravel_error *error)
{
    ravel_device_info *devices = calloc(MAX_DEVICES, sizeof *devices);
    if (devices == NULL)
        return ravel_error_memory(error);
    int n = ravel_devices_list(devices, MAX_DEVICES, error);
    n = n < MAX_DEVICES ? n : MAX_DEVICES;
    int status = n;
    if (n >= 0 && json)
        status = print_json(devices, n, error);
    else if (n > 0)
        print_table(devices, n);
    else if (n == 0)
        (void)fputs("ravel: no sound device is found\n", stderr);
    free(devices);
    return status < 0 ? status : 0;
}
