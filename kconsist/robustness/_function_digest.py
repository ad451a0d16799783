"""A hash of the operations and the values of a compiled function.

Two functions with the same digest run the same operations on variables and
constants of the same values, regardless of layer names. Code that TensorFlow
does not trace, such as a `tf.py_function`, is not included.
"""

import re

import numpy as np
import tensorflow as tf

from kconsist.data import digest

# Names and runtime settings, which do not affect the values.
IGNORED = ("config", "config_proto", "container", "shared_name", "token")

# Types without a readable value, such as tables; variables are read directly.
OPAQUE = (tf.resource, tf.variant, tf.string)


def function_digest(function) -> str:
    """Returns a hash of a concrete function's graph and captured values.

    Args:
        function: concrete function, as returned by `get_concrete_function`.
    """
    graph = function.graph.as_graph_def()
    library = {each.signature.name: each for each in graph.library.function}
    outputs = [tensor.name for tensor in function.outputs]
    variables = {id(v.handle): v for v in function.variables}
    captured = [variables.get(id(x), x) for x in function.captured_inputs]
    # As bytes, since hashlib does not support bfloat16. The graph has the types
    # and the shapes.
    values = [
        np.frombuffer(each.numpy().tobytes(), np.uint8)
        for each in captured
        if each.dtype not in OPAQUE
    ]
    operations = _operations(graph.node, (), outputs, library)
    return digest(repr(operations), *values)


def _operations(nodes, arguments, outputs, library):
    """Returns the operations of a graph, with names replaced by numbers."""
    names = [*arguments, *(node.name for node in nodes)]
    numbers = {name: str(number) for number, name in enumerate(names)}

    def numbered(tensors):
        inputs = [
            re.sub(r"[^^:]+", lambda name: numbers[name[0]], tensor, count=1)
            for tensor in tensors
        ]
        # Control inputs, ^name, come last and in arbitrary order.
        return sorted(inputs, key=lambda x: x if x.startswith("^") else "")

    operations = [numbered(outputs)]
    for node in nodes:
        operations += [node.op, numbered(node.input)]
        for name, value in sorted(node.attr.items()):
            if name not in IGNORED and not name.startswith("_"):
                operations += [name, _attribute(value, library)]
    return operations


def _attribute(value, library):
    """Returns the value of an attribute, or the operations of a function."""
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
