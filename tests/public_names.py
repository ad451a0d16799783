"""The public names of the package: `python tests/public_names.py` counts them.

`--modules` prints those that pdoc does not find from another one, for
`docs/build`.

A package's public names are its `__all__`. A module that a package exports and
that has none exports the functions and classes that it defines.
"""

import importlib
import inspect
import pkgutil
import sys

import kconsist
from kconsist import robustness


def packages():
    """Returns the public packages, by name."""
    found = {"kconsist": kconsist, "kconsist.robustness": robustness}
    for module in pkgutil.walk_packages(kconsist.__path__, "kconsist."):
        if module.ispkg and "._" not in module.name:
            found[module.name] = importlib.import_module(module.name)
    return found


def public_names():
    """Returns {module: {name: object}} of all public names."""
    found = {}
    for module_name, module in packages().items():
        found[module_name] = {
            name: getattr(module, name)
            for name in getattr(module, "__all__", ())
        }
    exported = [v for names in found.values() for v in names.values()]
    for module in filter(inspect.ismodule, exported):
        if module.__name__ not in found:
            names = getattr(module, "__all__", _defined(module))
            found[module.__name__] = {n: getattr(module, n) for n in names}
    return found


def roots():
    """Returns the modules that their package's `__all__` leaves out."""
    found = public_names()
    for module in found:
        package, _, name = module.rpartition(".")
        exported = getattr(sys.modules.get(package), "__all__", None)
        if not package or (exported is not None and name not in exported):
            yield module


def _defined(module):
    return [
        name
        for name, value in vars(module).items()
        if not name.startswith("_")
        and getattr(value, "__module__", None) == module.__name__
    ]


def distinct():
    """Returns the public classes, functions and constants, each once."""
    return {
        (getattr(value, "__module__", module), name)
        for module, names in public_names().items()
        for name, value in names.items()
        if not inspect.ismodule(value)
    }


if __name__ == "__main__":
    if "--modules" in sys.argv:
        sys.exit(print(*roots()))
    for module, names in public_names().items():
        print(f"{len(names):4} {module}")
    print(f"{len(distinct()):4} distinct classes, functions and constants")
