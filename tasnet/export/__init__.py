"""Networks for other run times: `python -m tasnet.export MODEL -o model.onnx`."""
