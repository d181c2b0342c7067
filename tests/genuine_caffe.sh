#!/usr/bin/env bash
# Genuine Caffe, from the image in docker/cpu made without Docker (docker/run_in_root.py; needs root and debootstrap):
# there the contract of backends, a transfer, and compare. Takes about five minutes.
#   tests/genuine_caffe.sh [FOLDER for the pictures]
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
pictures=${1:-$work/pictures}
shared=${CAFFE_STYLE_SHARED:-$root/../shared}
mkdir -p "$pictures"
pictures=$(cd "$pictures" && pwd)
chmod 777 "$pictures"  # the image's user is not the one who starts this
chmod 755 "$work"

cat > "$work/steps.sh" <<'STEPS'
set -euxo pipefail
if [ "$(id -u)" = 0 ]; then
    apt-get -q update && apt-get -q install --yes --no-install-recommends python3-pytest
    exec setpriv --reuid style --regid style --init-groups env HOME=/home/style bash "$0"
fi
export PYTHONDONTWRITEBYTECODE=1
caffe-style doctor --backends caffe
cd /src/tests && python -m pytest -q -rs -p no:cacheprovider \
    backends/test_{contract,genuine}.py engine/test_{solvers_reference,data_layers}.py
cd -

model=vgg16-random
if [ -f /shared/weights/squeezenet_v1.0.caffemodel ]; then
    model=squeezenet
    caffe-style models add squeezenet /shared/weights/squeezenet_v1.0.caffemodel
fi
pair="/src/examples/cat.jpg /src/examples/fractal.jpg"
caffe-style transfer $pair -q --backend caffe --model $model --size 192 --iterations 50 -o caffe.png
caffe-style compare $pair -q --backends cpu,caffe --model $model --size 128 --iterations 10 -o comparison
# A backend that fails is a row, not the end of compare.
python - <<'PYTHON'
import json
rows = json.load(open("comparison/compare.json"))["rows"]
print([(row["name"], row.get("error"), row.get("final_loss")) for row in rows])
cpu, caffe = ([loss for _, loss in row["curve"]] for row in rows)
off = [abs(a / b - 1) for a, b in zip(cpu, caffe)]
print("relative difference of the losses: " + ", ".join("%.0e" % each for each in off))
# Later ones may drift apart where the loss falls steeply, as those of any two backends may.
assert len(off) > 5 and max(off[:6]) < 1e-3
PYTHON
STEPS

volumes=(--volume "$root/tests:/src/tests:ro" --volume "$root/examples:/src/examples:ro")
volumes+=(--volume "$work:/steps:ro" --volume "$pictures:/pictures")
if [ -d "$shared" ]; then
    volumes+=(--volume "$shared:/shared:ro")
fi
# As root only to install pytest, which the image does not need.
python3 "$root/docker/run_in_root.py" --user root --entrypoint bash "${volumes[@]}" \
    "$root/docker/cpu/Dockerfile" -- /steps/steps.sh
