#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# slurm.sh COMMAND: samples/tokens.sbatch on Slurm's own daemons, one node on this machine. The tokens are those
# of one run without shares, a task that was requeued in the middle is whole, and bad files are told.
set -eu

skip()
{
    echo "SKIPPED: $*"
    exit 77
}

RAVEL=$(realpath "$1")
export RAVEL
root=$PWD
for tool in slurmctld slurmd sbatch squeue scontrol; do
    command -v $tool >/dev/null || skip "no $tool: on Debian, apt install slurmctld slurmd slurm-client"
done
[ "$(id -u)" -eq 0 ] || skip "slurmd wants to be root"

work=$(mktemp -d)
controller=
daemon=
clean_up()
{
    result=$?
    [ -z "$daemon" ] || kill "$daemon" 2>/dev/null || :
    [ -z "$controller" ] || kill "$controller" 2>/dev/null || :
    wait
    [ $result -eq 0 ] || tail -n 30 "$work"/*.log >&2
    rm -rf "$work"
}
trap clean_up EXIT

# No more than the daemons need to trust each other, on ports of their own.
host=$(hostname -s)
port=$((10000 + $$ % 6000)) # below those that the system gives to whoever asks
cat >"$work/slurm.conf" <<END
ClusterName=test
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=$port
SlurmdPort=$((port + 1))
SlurmUser=root
AuthType=auth/none
CredType=cred/none
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
MpiDefault=none
ReturnToService=2
SchedulerParameters=batch_sched_delay=0,sched_interval=1
StateSaveLocation=$work/state
SlurmdSpoolDir=$work/spool
SlurmctldPidFile=$work/slurmctld.pid
SlurmdPidFile=$work/slurmd.pid
NodeName=$host NodeAddr=127.0.0.1 CPUs=2
PartitionName=all Nodes=$host Default=YES
END
export SLURM_CONF="$work/slurm.conf"
mkdir "$work/state" "$work/spool"
slurmctld -D >"$work/slurmctld.log" 2>&1 &
controller=$!
slurmd -D >"$work/slurmd.log" 2>&1 &
daemon=$!

# await SECONDS COMMAND...: until it succeeds.
await()
{
    left=$(($1 * 5))
    shift
    until "$@"; do
        left=$((left - 1))
        [ $left -gt 0 ] || { echo "waited in vain for: $*" >&2; return 1; }
        sleep 0.2
    done
}

node_is_idle()
{
    sinfo -h -o %t 2>/dev/null | grep -qx idle
}
await 60 node_is_idle

# Sounds: eleven short ones, one text, and one long enough to be caught at work.
mkdir "$work/corpus"
cd "$work/corpus"
tone()
{
    head -c "$2" /dev/urandom >noise.raw
    "$RAVEL" encode -q -k 1 --raw --raw-rate 24000 noise.raw noise.rvl
    "$RAVEL" decode -q noise.rvl "$1"
    rm noise.raw noise.rvl
}
for n in 1 2 3 4 5 6 7 8 9 10 11; do
    tone "$n.wav" 40000
done
tone long.wav 20000000
echo "no sound" >text.wav
cd "$work"

"$RAVEL" tokens -q -d expected corpus -k 3 || [ $? -eq 4 ]

job=$(sbatch --parsable --array=5-7 --cpus-per-task=1 -o "$work/task-%a.out" \
    "$root/samples/tokens.sbatch" "$work/out" "$work/corpus" -k 3)

# Requeued as soon as each task has begun: they are killed and start again.
begun()
{
    squeue -h -r -j "$job" -o '%t' | grep -qx R
}
ended()
{
    # Slurm lets what was requeued wait for two minutes.
    for task in 5 6 7; do
        scontrol update "JobId=${job}_$task" StartTime=now 2>/dev/null || :
    done
    ! squeue -h -j "$job" 2>/dev/null | grep -q .
}
await 60 begun
sleep 1
for task in 5 6 7; do
    scontrol requeue "${job}_$task" 2>/dev/null && echo "task $task was requeued" || :
done
await 200 ended
cat task-*.out

(cd expected && find . -name '*.npy' | sort) >expected.list
(cd out && find . -name '*.npy' | sort) >out.list
cmp expected.list out.list
[ "$(wc -l <out.list)" -eq 12 ] || { echo "not all sounds have tokens" >&2; exit 1; }
while read -r name; do
    cmp "expected/$name" "out/$name"
done <out.list
grep -l text.wav task-*.out >/dev/null || { echo "the bad file is not told" >&2; exit 1; }
echo "12 sounds in 3 tasks: the tokens of one run"
