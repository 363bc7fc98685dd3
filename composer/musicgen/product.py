"""A matrix product for a few rows at a time, by ONNX Runtime.

Its float32 products lay the weights out once and read them once, for one row or eight. MKL's, which torch
calls, take four times as long for four rows as for one on an AMD processor.
"""

from __future__ import annotations

import onnxruntime
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor


class Product:
    """x · weight for x (n, in), weight (in, out): float32 (n, out). On the thread that calls it alone."""

    def __init__(self, weight: Tensor) -> None:
        self.inputs, self.outputs = weight.shape
        constant = numpy_helper.from_array(weight.detach().contiguous().numpy(), "weight")
        given, found = (
            helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", width])
            for name, width in (("x", self.inputs), ("y", self.outputs))
        )
        node = helper.make_node("MatMul", ["x", "weight"], ["y"])
        model = helper.make_model(
            helper.make_graph([node], "product", [given], [found], [constant]),
            opset_imports=[helper.make_opsetid("", 18)],
            ir_version=9,
        )
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = 1, 1
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(
            model.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )

    def __call__(self, x: Tensor) -> Tensor:
        if len(x) == 0:
            return x.new_zeros(0, self.outputs)
        return torch.from_numpy(self._session.run(None, {"x": x.numpy()})[0])
