"""A hash of what a compiled function computes, and with which values.

Two functions with one digest run the same operations on the same variables and
constants, whatever their layers are called. What TensorFlow does not see, the
code within a `tf.py_function`, does not count.
"""

import re

import numpy as np
import tensorflow as tf

from kconsist.data.digests import digest

# Names and settings of the runtime: none of them changes a value.
IGNORED = ("config", "config_proto", "container", "shared_name", "token")

# What has no value to read, such as a table: variables are read themselves.
OPAQUE = (tf.resource, tf.variant, tf.string)


def function_digest(function) -> str:
    """Returns a hash of a concrete function's graph and captured values.

    Args:
        function: concrete function, as `get_concrete_function` returns it.
    """
    graph = function.graph.as_graph_def()
    library = {each.signature.name: each for each in graph.library.function}
    outputs = [tensor.name for tensor in function.outputs]
    variables = {id(v.handle): v for v in function.variables}
    captured = [variables.get(id(x), x) for x in function.captured_inputs]
    # As bytes: hashlib does not take bfloat16. The graph has type and shape.
    values = [
        np.frombuffer(each.numpy().tobytes(), np.uint8)
        for each in captured
        if each.dtype not in OPAQUE
    ]
    operations = _operations(graph.node, (), outputs, library)
    return digest(repr(operations), *values)


def _operations(nodes, arguments, outputs, library):
    """Returns the operations of a graph, with numbers instead of names."""
    names = [*arguments, *(node.name for node in nodes)]
    numbers = {name: str(number) for number, name in enumerate(names)}

    def numbered(tensors):
        found = [
            re.sub(r"[^^:]+", lambda name: numbers[name[0]], tensor, count=1)
            for tensor in tensors
        ]
        # Control inputs, ^name, come last and in no order.
        return sorted(found, key=lambda x: x if x.startswith("^") else "")

    found = [numbered(outputs)]
    for node in nodes:
        found += [node.op, numbered(node.input)]
        for name, value in sorted(node.attr.items()):
            if name not in IGNORED and not name.startswith("_"):
                found += [name, _attribute(value, library)]
    return found


def _attribute(value, library):
    """Returns an attribute's value; of functions, their operations."""
    called = [value.func] if value.HasField("func") else value.list.func
    functions = [library[each.name] for each in called if each.name]
    if not functions:
        return value.SerializeToString(deterministic=True)
    return [
        _operations(
            function.node_def,
            [argument.name for argument in function.signature.input_arg],
            [function.ret[x.name] for x in function.signature.output_arg],
            library,
        )
        for function in functions
    ]
