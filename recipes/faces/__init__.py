"""Recipe of the four face networks in src/sonic/assets/weights: those in MediaPipe's wheel, as ONNX."""
