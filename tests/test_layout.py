"""The package's modules: no circle of imports, and no private one in sight.

Reads the source, and imports nothing of it.
"""

import ast
import pathlib

PACKAGE = pathlib.Path(__file__).parents[1] / "kconsist"


def modules():
    """Returns the path of each module by its full name."""
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
        if parts[-1] == "__init__":
            parts = parts[:-1]
        found[".".join(parts)] = path
    return found


MODULES = modules()


def top_level(statements):
    """Yields the statements that run on import, `TYPE_CHECKING` left out."""
    for statement in statements:
        if isinstance(statement, ast.If):
            if "TYPE_CHECKING" not in ast.unparse(statement.test):
                yield from top_level(statement.body)
            yield from top_level(statement.orelse)
        elif isinstance(statement, ast.Try):
            for handler in statement.handlers:
                yield from top_level(handler.body)
            yield from top_level(statement.body + statement.orelse)
            yield from top_level(statement.finalbody)
        elif isinstance(statement, ast.With):
            yield from top_level(statement.body)
        else:
            yield statement


def imported_names(name):
    """Returns what a module imports at its top level, as full names."""
    names = set()
    for statement in top_level(ast.parse(MODULES[name].read_text()).body):
        if isinstance(statement, ast.Import):
            names |= {alias.name for alias in statement.names}
        elif isinstance(statement, ast.ImportFrom):
            assert not statement.level, f"{name} has a relative import"
            names |= {
                f"{statement.module}.{alias.name}" for alias in statement.names
            }
    return names


def imported_modules(name):
    """Returns the modules of the package that a module needs on import.

    `from kconsist.views import View` needs `kconsist.views`, whose `__init__`
    needs its modules in turn; `from kconsist import views` is `kconsist.views`.
    """
    found = set()
    for full in imported_names(name):
        while full and full not in MODULES:
            full = full.rpartition(".")[0]
        # Any import runs the root's `__init__`, which is no fault of it.
        if full not in ("", "kconsist", name):
            found.add(full)
    return found


def circles(graph):
    """Returns the strongly connected components of more than one node."""
    order, seen = [], set()

    def visit(node, edges, into):
        stack = [(node, iter(edges[node]))]
        seen.add(node)
        while stack:
            current, following = stack[-1]
            for other in following:
                if other not in seen:
                    seen.add(other)
                    stack.append((other, iter(edges[other])))
                    break
            else:
                into.append(current)
                stack.pop()

    for node in graph:
        if node not in seen:
            visit(node, graph, order)
    backward = {node: [] for node in graph}
    for node, others in graph.items():
        for other in others:
            backward[other].append(node)
    seen, found = set(), []
    for node in reversed(order):
        if node not in seen:
            component = []
            visit(node, backward, component)
            found += [sorted(component)] if len(component) > 1 else []
    return found


def exported(package):
    """Returns what a package's `__init__` imports from its own modules."""
    return {
        full
        for full in imported_names(package)
        if full.startswith(f"{package}.")
    }


def test_circles_are_found():
    graph = {"a": ["b"], "b": ["c"], "c": ["b"], "d": ["a", "c"]}
    assert circles(graph) == [["b", "c"]]


def test_no_circle_of_imports():
    assert circles({name: imported_modules(name) for name in MODULES}) == []


def test_a_module_is_private_or_exports_a_name():
    """A package's `__init__` has a name of each module without underscore."""
    hidden = []
    for name, path in MODULES.items():
        package, _, module = name.rpartition(".")
        if not package or path.name == "__init__.py":
            continue
        private = any(part.startswith("_") for part in name.split("."))
        # `kconsist/ema.py` itself is a public name of the root.
        names = exported(package)
        if not private and not any(
            full == name or full.startswith(f"{name}.") for full in names
        ):
            hidden.append(name)
    assert hidden == []
