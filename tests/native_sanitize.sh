#!/bin/sh
# Runs the kernel tests on builds with the address and undefined-behaviour sanitizers; needs g++ with libasan.
# The builds go into a temporary folder: the installed kernels stay as they are.
#   tests/native_sanitize.sh [python]
set -e
python=${1:-python3}
root=$(cd "$(dirname "$0")/.." && pwd)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cp -r "$root/caffe_style" "$root/setup.py" "$root/pyproject.toml" "$folder"
mkdir -p "$folder/prototxt" "$folder/models" "$folder/tests"
cp -r "$root/tests/helpers" "$folder/tests"
for tests in convolution kernels calls kept; do
    cp "$root/tests/engine/test_native_$tests.py" "$folder/tests"
done
find "$folder" -name '*.so' -delete
cd "$folder"
export CFLAGS="-fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer"
export CXXFLAGS="$CFLAGS"
export LDFLAGS="-fsanitize=address,undefined"
"$python" setup.py -q build_ext --inplace
nm -D caffe_style/engine/native/_kernels_*.so | grep -q __asan_init  # or the flags did not arrive
# Python itself is not instrumented: the runtime must come first, and its own leaks are not ours.
LD_PRELOAD="$(g++ -print-file-name=libasan.so) $(g++ -print-file-name=libubsan.so)" \
ASAN_OPTIONS=detect_leaks=0 UBSAN_OPTIONS=print_stacktrace=1 PYTHONPATH="$folder" \
    "$python" -m pytest -q -p no:cacheprovider tests
