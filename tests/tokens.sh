#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# `ravel tokens` and `ravel detokens` from end to end: sh tokens.sh RAVEL WRITE_MODEL.
set -u
ravel=$1
write_model=$2

# shellcheck source=tests/support/checks.sh
. "$(dirname "$0")/support/checks.sh"

# same WHAT A B: equal files or folders.
same()
{
    n_checks=$((n_checks + 1))
    diff -r "$2" "$3" >err 2>&1 || fail "$1: $2 and $3 differ"
}

# gone WHAT: nothing half-done is left.
gone()
{
    n_checks=$((n_checks + 1))
    : >err
    [ -z "$(find "$1" -name '.*')" ] || fail "left: $(find "$1" -name '.*')"
}

# sound FILE N_SAMPLES SEED [RATE]: a WAV of noise, other for every seed.
sound()
{
    mkdir -p "$(dirname "$1")"
    {
        printf RIFF
        le32 $((36 + 2 * $2))
        printf 'WAVEfmt '
        le32 16
        le16 1
        le16 1
        le32 "${4:-$rate}"
        le32 $((2 * ${4:-$rate}))
        le16 2
        le16 16
        printf data
        le32 $((2 * $2))
        tail -c +"$(($3 * 977 + 1))" "$ravel" | head -c $((2 * $2))
    } >"$1"
}

# field FILE NAME: a number or string of a JSON file.
field()
{
    sed -n 's/.*"'"$2"'":[[:space:]]*"\{0,1\}\([^",]*\).*/\1/p' "$1" | head -n 1
}

# --- A small model and a small corpus ---------------------------------------------------------------

expect 0 '' "$write_model" default-like model
expect 0 '' "$write_model" lookahead other
RAVEL_MODEL=$dir/model
export RAVEL_MODEL
rate=$("$ravel" info | sed -n 's/^sample_rate_hz  *//p')
hop=$("$ravel" info | sed -n 's/^hop_samples  *//p')

n_sounds=24
for i in $(seq $n_sounds); do
    sound "in/s$((i % 3))/u$i.wav" $((i * 1733 % 20000 + 500)) "$i" $((rate + i % 2 * 8000))
done
sound in/long.wav 200000 40
mkdir -p in/s1/deep
sound in/s1/deep/x.y.WAV 4000 41
echo "no sound" >in/readme.txt
n_all=$((n_sounds + 2))

expect 0 "$n_all utterances" "$ravel" tokens -d plain in
gone plain
equal "$(find plain -name '*.npy' | wc -l)" "$n_all"
equal "$(field plain/ravel.json layout)" parallel
equal "$(field plain/ravel.json hop_samples)" "$hop"
expect 0 '' test -e plain/s1/deep/x.y.npy

# --- The same tokens ----------------------------------------------------------------------------------

# As encode makes them: the packed form is the same file.
for name in long s0/u3 s1/u4; do
    expect 0 '' "$ravel" encode -q in/$name.wav a.rvl
    expect 0 '' "$ravel" tokens -q in/$name.wav b.rvl
    same "encode" a.rvl b.rvl
done
for jobs in 1 2 5; do
    for batch in 1 3; do
        expect 0 '' "$ravel" tokens -q -j $jobs --batch $batch -d jobs$jobs-$batch in
        same "$jobs jobs, batches of $batch" plain jobs$jobs-$batch
    done
done
for shard in 2 0 1; do
    expect 0 '' "$ravel" tokens -q --shard $shard/3 -d shards in
done
same "shards" plain shards
gone shards
expect 0 '' "$ravel" tokens -q -d piped - <in/long.wav
same "standard input" piped/stdin.npy plain/long.npy
expect 0 "1 utterance" "$ravel" tokens in/long.wav one.npy
same "one file" one.npy plain/long.npy
same "its metadata" one.npy.json plain/ravel.json
"$ravel" tokens -q -f npy - - <in/long.wav >out.npy 2>err
same "a pipe" out.npy plain/long.npy

# --- Formats and layouts ------------------------------------------------------------------------------

# What each utterance is decoded to, at its exact length.
mkdir -p want/s1/deep
for i in $(seq $n_sounds); do
    mkdir -p want/s$((i % 3))
    expect 0 '' "$ravel" tokens -q "in/s$((i % 3))/u$i.wav" a.rvl
    expect 0 '' "$ravel" decode -q a.rvl "want/s$((i % 3))/u$i.wav"
done
"$ravel" encode -q in/long.wav a.rvl && "$ravel" decode -q a.rvl want/long.wav
"$ravel" encode -q in/s1/deep/x.y.WAV a.rvl && "$ravel" decode -q a.rvl want/s1/deep/x.y.wav

for layout in parallel delay flat coarse-first interleaved; do
    for format in npz safetensors jsonl tar; do
        out=$format-$layout
        expect 0 '' "$ravel" tokens -q -f $format -l $layout --begin --end --base 5 -d "$out" in
        expect 0 '' test -e "$out/tokens-000000.$format"
        gone "$out"
        expect 0 '' "$ravel" detokens -q -j 2 -d "back-$out" "$out"
        same "$out" want "back-$out"
    done
    # No room for the length: whole frames.
    expect 0 '' "$ravel" tokens -q -l $layout --numbers apart -d npy-$layout in
    expect 0 '' "$ravel" detokens -q -d back-npy-$layout npy-$layout
    same "npy-$layout" back-npy-parallel back-npy-$layout
done
expect 0 '' "$ravel" tokens -q -f rvl -d rvl in
expect 0 '' "$ravel" detokens -q -d back-rvl rvl
same rvl want back-rvl
expect 0 '' "$ravel" tokens -q -l delay --delays 0,3,1 -k 3 in/long.wav delayed.npz
expect 0 '' "$ravel" detokens -q delayed.npz delayed.wav
expect 0 '' "$ravel" encode -q -k 3 in/long.wav a.rvl
expect 0 '' "$ravel" decode -q a.rvl a.wav
same "delays" a.wav delayed.wav
expect 0 '' "$write_model" early early
sound early.wav 6000 9 44100 # 1000 frames, of which the decoder does not make the last samples
expect 0 '' "$ravel" tokens -q -m early early.wav early.npz
expect 0 '' "$ravel" detokens -q -m early early.npz early-tokens.wav
expect 0 '' "$ravel" encode -q -m early early.wav a.rvl
expect 0 '' "$ravel" decode -q -m early a.rvl early-decoded.wav
same "a model that ends early" early-tokens.wav early-decoded.wav
equal "$(wc -c <early-tokens.wav)" 12044
expect 0 '' "$write_model" whole whole
sound rest.wav 997 9 8000 # 166 frames and a sample that makes none
expect 0 '' "$ravel" tokens -q -m whole rest.wav rest.npz
expect 0 '' "$ravel" detokens -q -m whole rest.npz rest-tokens.wav
expect 0 '' "$ravel" encode -q -m whole rest.wav a.rvl
expect 0 '' "$ravel" decode -q -m whole a.rvl rest-decoded.wav
same "a model that drops a frame" rest-tokens.wav rest-decoded.wav
equal "$(wc -c <rest-tokens.wav)" 2038
expect 0 '' "$write_model" segments segments
sound twelve.wav 2000 9 12000
expect 0 '' "$ravel" tokens -q -m segments twelve.wav stereo.npz
expect 0 '' "$ravel" detokens -q -m segments stereo.npz stereo-tokens.wav
expect 0 '' "$ravel" encode -q -m segments twelve.wav a.rvl
expect 0 '' "$ravel" decode -q -m segments a.rvl stereo-decoded.wav
same "a stereo model" stereo-tokens.wav stereo-decoded.wav
mkdir alone && cp plain/long.npy alone/
expect 0 '' "$ravel" detokens -q alone/long.npy alone.wav
same "without metadata" alone.wav back-npy-parallel/long.wav
expect 0 '' "$ravel" tokens -q -f npz --per-file 10 -d parts in
equal "$(find parts -name 'tokens-*.npz' | sort | tr '\n' ' ')" \
    "parts/tokens-000000.npz parts/tokens-000001.npz parts/tokens-000002.npz "
expect 0 '' "$ravel" detokens -q -d back-parts parts
same "parts" want back-parts
for shard in 0 1; do
    expect 0 '' "$ravel" tokens -q -f tar --shard $shard/2 -d tars in
done
expect 0 '' "$ravel" detokens -q --to flac -d back-tars tars
equal "$(find back-tars -name '*.flac' | wc -l)" "$n_all"

# --- Lists, manifests, tars ---------------------------------------------------------------------------

(cd in && find . -name '*.[wW][aA][vV]' | sort) >names
(cd in && expect 0 '' "$ravel" tokens -q -d ../listed --files-from ../names)
same "a list" plain listed
(cd in && tr '\n' '\0' <../names | "$ravel" tokens -q -0 -d ../listed0 --files-from - 2>../err)
same "a list with zero bytes" plain listed0
(cd in && tar cf ../in.tar s0 s1 s2 long.wav readme.txt)
expect 0 '' "$ravel" tokens -q -d tarred in.tar
mv tarred/s1/deep/x.npy tarred/s1/deep/x.y.npy # a name ends at its first dot there
same "a tar" plain tarred
gzip -k in.tar
"$ravel" tokens -q --tar -d piped-tar - <in.tar.gz 2>err
mv piped-tar/s1/deep/x.npy piped-tar/s1/deep/x.y.npy
same "a tar from a pipe" plain piped-tar
head -c 150000 in.tar >cut.tar
expect 4 "cut.tar" "$ravel" tokens -q -d cut-tar cut.tar

# A part of a file is what a file of that part is.
{ head -c 24 in/long.wav; tail -c +25 in/long.wav | head -c 20; tail -c +$((44 + 2 * 3 * rate / 2 + 1)) in/long.wav; } \
    >cut.wav
printf '%s\n%s\n' '{"audio_filepath": "in/long.wav", "duration": 1.0, "text": "all"}' \
    '{"audio_filepath": "in/long.wav", "offset": 1.5}' >manifest
expect 0 '' "$ravel" tokens -q -d manifested --manifest manifest
same "without offset" manifested/in/long.npy plain/long.npy
expect 0 '' "$ravel" tokens -q cut.wav cut.npy
same "with offset" manifested/in/long-000001500.npy cut.npy
printf '{"audio_filepath": 5}\nnot json\n{"audio_filepath": "in/long.wav", "offset": 1e6}\n' >manifest
expect 4 "manifest:2" "$ravel" tokens -q -d bad-manifest --manifest manifest
equal "$(wc -l <bad-manifest/failed.jsonl)" 3
expect 4 "behind the end" "$ravel" tokens -q -d bad-manifest2 --manifest manifest

mkdir kaldi
printf 'rec1 in/long.wav\nrec2  in/s0/u3.wav \nrec3 sox in.wav -t wav - |\n' >kaldi/wav.scp
expect 4 "commands are not run" "$ravel" tokens -q -d kaldi-all --kaldi kaldi
same "Kaldi, a recording" kaldi-all/rec2.npy plain/s0/u3.npy
printf 'utt-a rec1 1.5 -1\nutt-b rec9 0 1\nutt-c rec1 2 1\n' >kaldi/segments
expect 4 "no recording of this segment" "$ravel" tokens -q -d kaldi-part --kaldi kaldi
same "Kaldi, a segment" kaldi-part/utt-a.npy cut.npy
equal "$(wc -l <kaldi-part/failed.jsonl)" 2

# --- Bad files ----------------------------------------------------------------------------------------

cp -r in bad
: >bad/empty.wav
echo "This is text." >bad/s0/text.flac
head -c 60 in/long.wav | tr '\0' '\377' >bad/s1/broken.wav
ln -s nowhere bad/s2/unreadable.wav
sound bad/nothing.wav 0 1
cp bad/long.wav bad/long.WAV
expect 4 "bad/empty.wav" "$ravel" tokens --report report.jsonl -d from-bad bad
for name in empty.wav s0/text.flac s1/broken.wav s2/unreadable.wav nothing.wav long.wav; do
    expect 0 '' grep -q "\"input\":\"bad/$name\"" from-bad/failed.jsonl
done
equal "$(wc -l <from-bad/failed.jsonl)" 6
same "the report" from-bad/failed.jsonl report.jsonl
rm from-bad/failed.jsonl
same "all others are done" plain from-bad
gone from-bad
expect 4 "6 inputs failed" "$ravel" tokens -f npz -d npz-bad bad
expect 0 '' "$ravel" detokens -q -d back-npz-bad npz-bad
same "all others are done in one file" want back-npz-bad
cp npz-bad/failed.jsonl kept.jsonl
expect 4 "6 inputs failed" "$ravel" tokens --resume -f npz -d npz-bad bad
same "failures that were known" kept.jsonl npz-bad/failed.jsonl
expect 1 "no such file\|No such file" "$ravel" tokens -q absent.wav a.npy
expect 4 "absent" "$ravel" tokens -q -d absent absent absent.tar

# --- Again, and after being killed --------------------------------------------------------------------

touch -d '2001-01-01' plain/long.npy
rm plain/s0/u3.npy
expect 0 "1 utterances.*$((n_all - 1)) were done before" "$ravel" tokens --resume -d plain in
equal "$(find plain -name '*.npy' ! -newermt 2001-02-01 | wc -l)" 1
same "resumed" shards plain
expect 2 "another layout" "$ravel" tokens -q --resume -l flat -d plain in
expect 3 "another model" "$ravel" tokens -q --resume -m other -d plain in
expect 3 "not of" "$ravel" detokens -q -m other -d no plain

# kill_and_resume FOLDER MS OPTION...: 20 times, at moments within the MS that a calm run takes.
kill_and_resume()
{
    folder=$1
    within_ms=$2
    shift 2
    n_killed=0
    for i in $(seq 20); do
        "$ravel" tokens -q --resume "$@" -d "$folder" in bad/empty.wav 2>err &
        pid=$!
        delay_ms=$(((i - 1) * 7919 % within_ms)) # the first at once: that one is surely in time
        sleep "$((delay_ms / 1000)).$(printf %03d $((delay_ms % 1000)))"
        kill -9 $pid 2>/dev/null && n_killed=$((n_killed + 1))
        wait $pid 2>/dev/null
        # Nothing under a name is unfinished.
        for file in $(find "$folder" -name '*.npy' ! -path '*/.*' 2>err); do
            cmp -s "$file" "calm-npy/${file#"$folder"/}" || fail "$file is not whole"
        done
    done
    expect 4 '1 inputs failed' "$ravel" tokens -q --resume "$@" -d "$folder" in bad/empty.wav
    n_checks=$((n_checks + 1))
    [ $n_killed -gt 0 ] || fail "was never killed"
}
# calm FOLDER OPTION...: an undisturbed run; sets ms to what it took.
calm()
{
    folder=$1
    shift
    begin=$(date +%s%3N)
    expect 4 "empty.wav' is empty" "$ravel" tokens -q "$@" -d "$folder" in bad/empty.wav
    ms=$(($(date +%s%3N) - begin + 1))
    [ $ms -gt 0 ] || ms=1000 # the clock was set back
}
calm calm-npy
kill_and_resume killed-npy $ms
same "killed and resumed" calm-npy killed-npy
gone killed-npy
calm calm-npz -f npz --per-file 8
kill_and_resume killed-npz $ms -f npz --per-file 8
same "killed and resumed, in one file" calm-npz killed-npz
gone killed-npz

# A signal ends it, even while it waits for a pipe; nothing is told as failed.
mkfifo silent
sleep 20 >silent &
sleeper=$!
expect 143 '' timeout --preserve-status -k 60 0.3 "$ravel" tokens -q -d stopped - in <silent
kill $sleeper
expect 1 '' test -e stopped/failed.jsonl
expect 0 '' "$ravel" tokens -q --resume -d stopped in
same "stopped and resumed" plain stopped
gone stopped

# --- Words --------------------------------------------------------------------------------------------

expect 2 "more than one input" "$ravel" tokens a b c
expect 2 "12 codebooks\|delays for" "$ravel" tokens -l delay --delays 0,1 -d x in
expect 2 "without --layout delay" "$ravel" tokens --delays 0 -k 1 -d x in
expect 2 "no value" "$ravel" tokens --shard 3/3 -d x in
expect 2 "no value" "$ravel" tokens -l sideways -d x in
expect 2 "parallel codes" "$ravel" tokens -f rvl -l flat -d x in
expect 2 "without an input" "$ravel" tokens -d x
expect 2 "one input and one output" "$ravel" detokens plain
expect 1 "more than one utterance" "$ravel" detokens -q parts/tokens-000000.npz a.wav
expect 1 "no file of tokens" "$ravel" detokens -q in/long.wav a.wav
expect 0 '"items":26' "$ravel" tokens --progress json -d progress in
printf '{"tokens": [[0, 1], [2, 99999]], "name": "../../up"}\n' >lm.jsonl
expect 4 "none of codebook" "$ravel" detokens -q -d lm lm.jsonl
printf '{"tokens": [[0, 1], [2, 3]], "name": "../../up"}\n' >lm.jsonl
expect 0 '' "$ravel" detokens -q -d lm lm.jsonl
expect 0 '' test -e lm/up.wav

# --- Statistics ---------------------------------------------------------------------------------------

for set in plain npz-delay safetensors-flat jsonl-parallel tar-coarse-first rvl; do
    "$ravel" tokens --stats --json $set >$set.stats 2>err
    same "statistics of $set" plain.stats $set.stats
done
equal "$(field plain.stats utterances)" "$n_all"
expect 0 '' sh -c '"$0" tokens --stats plain | grep -q "^ *1 .*%"' "$ravel"
"$ravel" tokens --stats --picture stats.png plain >out 2>err ||
    grep -q "without libpng" err || fail "a picture"
expect 1 "no tokens" "$ravel" tokens --stats in

# --- NumPy --------------------------------------------------------------------------------------------

if python3 -c 'import numpy' 2>/dev/null; then
    cat >read.py <<'END'
import json, struct, tarfile, io
import numpy as np

meta = json.load(open("plain/ravel.json"))
long = np.load("plain/long.npy")
assert long.dtype == np.uint16 and long.ndim == 2 and long.shape[1] == meta["codebooks"]
assert (long.max(0) < meta["codebook_sizes"]).all()
z = np.load("npz-parallel/tokens-000000.npz")
inside = json.loads(z["ravel.json"])
offsets = np.array(inside["offsets"])
assert (z["long"][1:-1] == long + offsets).all()
assert (z["long"][0] == inside["begin"]).all() and (z["long"][-1] == inside["end"]).all()
flat = np.load("npy-flat/long.npy")
meta = json.load(open("npy-flat/ravel.json"))
assert flat.ndim == 1 and (flat.reshape(long.shape) == long + np.array(meta["offsets"])).all()
coarse = np.load("npy-coarse-first/long.npy")
assert (coarse.reshape(long.shape[::-1]).T == long + np.array(meta["offsets"])).all()
delay = np.load("npy-delay/long.npy")
meta = json.load(open("npy-delay/ravel.json"))
for k, (late, offset) in enumerate(zip(meta["delays"], meta["offsets"])):
    assert (delay[late : late + len(long), k] == long[:, k] + offset).all()
    assert (delay[:late, k] == meta["pad"]).all()
raw = open("safetensors-parallel/tokens-000000.safetensors", "rb").read()
n = struct.unpack("<Q", raw[:8])[0]
entry = json.loads(raw[8 : 8 + n])["long"]
begin, end = entry["data_offsets"]
assert entry["dtype"] == "U16"
array = np.frombuffer(raw[8 + n + begin : 8 + n + end], "<u2").reshape(entry["shape"])
assert (array[1:-1] == long + offsets).all()
lines = [json.loads(line) for line in open("jsonl-parallel/tokens-000000.jsonl")]
line = next(line for line in lines if line["name"] == "long")
assert (np.array(line["tokens"])[1:-1] == long + offsets).all() and line["frames"] == len(long)
tar = tarfile.open("tar-parallel/tokens-000000.tar")
array = np.load(io.BytesIO(tar.extractfile("long.npy").read()))
assert (array[1:-1] == long + offsets).all()
assert json.load(tar.extractfile("long.json"))["samples"] == 200000
np.savez_compressed("own.npz", a=long.astype(np.int64))
END
    expect 0 '' python3 read.py
    expect 0 '' "$ravel" detokens -q own.npz own.wav
    same "NumPy's own file" own.wav alone.wav
else
    echo "SKIPPED: reading with NumPy, which is not installed" >&2
fi

finish tokens
