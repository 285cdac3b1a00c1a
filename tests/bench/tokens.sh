#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
#
#   tokens.sh RAVEL FOLDER [TURNS]
#
# `ravel tokens` on the sounds of FOLDER, in turns: two jobs of one process, two processes of one job
# each, and one job. Prints what each takes, by the clock and of the processor, and the ratio of two jobs to
# two processes, of the medians.
set -eu
ravel=$1
folder=$2
turns=${3:-5}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# timed NAME COMMAND...: adds "wall cpu", in ms, to the file NAME.
timed()
{
    name=$1
    shift
    rm -rf "$work/out"
    begin=$(date +%s%3N)
    (
        "$@"
        times >"$work/cpu"
    )
    wall=$(($(date +%s%3N) - begin))
    cpu=$(awk 'NR == 2 { for (i = 1; i <= 2; i++) { split($i, t, /[ms]/); s += 60 * t[1] + t[2] }
        printf "%d", 1000 * s }' "$work/cpu")
    echo "$wall $cpu" >>"$work/$name"
}

two_processes()
{
    "$ravel" tokens -q -j 1 --shard 0/2 -d "$work/out" "$folder" &
    "$ravel" tokens -q -j 1 --shard 1/2 -d "$work/out" "$folder" &
    wait
}

# median NAME COLUMN
median()
{
    cut -d ' ' -f "$2" "$work/$1" | sort -n | sed -n "$(((turns + 1) / 2))p"
}

for _ in $(seq "$turns"); do
    timed jobs "$ravel" tokens -q -j 2 -d "$work/out" "$folder"
    timed processes two_processes
    timed one "$ravel" tokens -q -j 1 -d "$work/out" "$folder"
done
seconds=$("$ravel" tokens --stats --json "$work/out" | awk -F : '/"hours"/ { print 3600 * $2 }')
for name in jobs processes one; do
    wall=$(median $name 1)
    cpu=$(median $name 2)
    awk -v name=$name -v s="$seconds" -v wall="$wall" -v cpu="$cpu" 'BEGIN {
        printf "%-10s %8.2f s  %7.1f times real time;  %7.1f a second of the processor\n",
            name, wall / 1e3, 1e3 * s / wall, 1e3 * s / cpu }'
done
awk -v a="$(median processes 1)" -v b="$(median jobs 1)" 'BEGIN { printf "two jobs reach %.1f %% of two processes\n", 100 * a / b }'
