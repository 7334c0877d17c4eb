"""Engine ``svd``: the published Sonic weights on Stable Video Diffusion, exact to the tensor (extra ``gpu``)."""
