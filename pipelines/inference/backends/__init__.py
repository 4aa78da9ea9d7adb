"""Running models: ONNX Runtime and torch on CPU or CUDA, Keras, and Python functions, behind one `Model`.

The only door to torch, ONNX Runtime and TensorFlow at work. Which version of a model serves is the registry's; what
its scores mean, and whose they are, does not belong here.
"""

from pipelines.inference.backends.device import Device, chosen
from pipelines.inference.backends.loading import Model, load

__all__ = ["Device", "Model", "chosen", "load"]
