/* SPDX-License-Identifier: BSD-3-Clause */
/* A slow loop that follows a clock. */
#include "audio_io/live/drift.h"

#include <math.h>

static const double settle_s = 1.0;                  /* in which the reference is found */
static const double quick_s = 15.0;                  /* and then the first lock */
static const double quick_hz = 0.08, slow_hz = 0.02; /* of the loop */
static const double pi = 3.14159265358979323846;
static const double most = 0.002; /* the worst clocks are a tenth of that apart */

void ravel_drift_restart(ravel_drift *drift)
{
    *drift = (ravel_drift){.integral = drift->integral, .correction = drift->correction};
}

static double clamp(double value, double limit)
{
    return fmax(-limit, fmin(limit, value));
}

/* The mean of the errors so far. */
static void settle(ravel_drift *drift, double error_s, double passed_s, double step_s)
{
    double share = passed_s > 0.0 ? step_s / (passed_s + step_s) : 1.0;
    drift->reference_s += share * (error_s - drift->reference_s);
}

double ravel_drift_update(ravel_drift *drift, double error_s, int64_t now_ns)
{
    if (drift->begin_ns == 0) {
        drift->begin_ns = drift->last_ns = now_ns;
        drift->reference_s = error_s;
        return drift->correction;
    }
    double passed_s = (double)(now_ns - drift->begin_ns) * 1e-9;
    double step_s = fmin((double)(now_ns - drift->last_ns) * 1e-9, 1.0);
    drift->last_ns = now_ns;
    if (passed_s < settle_s) {
        settle(drift, error_s, passed_s, step_s);
        return drift->correction;
    }
    double omega = 2.0 * pi * (passed_s < settle_s + quick_s ? quick_hz : slow_hz);
    double pole = 1.0 - exp(-10.0 * omega * step_s);
    drift->smooth_s[0] += pole * (error_s - drift->reference_s - drift->smooth_s[0]);
    drift->smooth_s[1] += pole * (drift->smooth_s[0] - drift->smooth_s[1]);
    drift->integral = clamp(drift->integral - omega * omega * drift->smooth_s[1] * step_s, most);
    drift->correction = clamp(drift->integral - 2.0 * omega * drift->smooth_s[1], most);
    return drift->correction;
}
