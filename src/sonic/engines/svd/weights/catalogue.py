"""The published weights of engine ``svd``: each part's source, files, sizes, SHA-256 and licence.

Sizes and SHA-256 of Stable Video Diffusion, whisper-tiny and RIFE are those of the hub's listings, as several public
inventories repeat them; they were not compared with the files themselves. Those of the three files of Sonic are not
known: what is shown as their size is parameters times four bytes, which agrees with the 6.7 GB that people report.
"""

from dataclasses import replace
from typing import Any

from sonic.published import File, Licence, Part

SONIC_LICENCE = Licence(
    "CC BY-NC-SA 4.0",
    "no commercial use; name the authors; pass on under the same licence",
    "https://creativecommons.org/licenses/by-nc-sa/4.0/",
)
STABILITY_LICENCE = Licence(
    "Stability AI Community License",
    "free for research and non-commercial use; for commercial use see stability.ai/license; no use against its policy",
    "https://huggingface.co/stabilityai/stable-video-diffusion-img2vid-xt/blob/main/LICENSE.md",
)
WHISPER_LICENCE = Licence("Apache-2.0", "free, also commercially", "https://huggingface.co/openai/whisper-tiny")
RIFE_LICENCE = Licence("MIT", "free, also commercially", "https://github.com/hzwer/Practical-RIFE")

SONIC, SVD, WHISPER = "LeonJoe13/Sonic", "stabilityai/stable-video-diffusion-img2vid-xt", "openai/whisper-tiny"
FOLDERS = {SONIC: ".", SVD: "stable-video-diffusion-img2vid-xt", WHISPER: "whisper-tiny"}
"""Repository -> where its files go below a folder of the user's: the layout that Sonic's authors describe."""
_SVD_REVISION = "9e43909513c6714f1bc78bcb44d96e733cd242aa"
_WHISPER_REVISION = "169d4a4341b33bc18d8881c4b69c2e104e1cc0af"
_ENCODER_CONFIG = File("image_encoder/config.json", 685)
_VAE_CONFIG = File("vae/config.json", 607)

PARTS = {
    part.name: replace(part, folder=FOLDERS[part.repository])
    for part in (
        Part(
            "unet",
            "denoises the frames: Stable Video Diffusion taught to hear",
            SONIC,
            None,
            (File("Sonic/unet.pth"),),
            SONIC_LICENCE,
            1_575_741_162,
            1492,
        ),
        Part(
            "audio2token",
            "speech features to the tokens that the UNet hears",
            SONIC,
            None,
            (File("Sonic/audio2token.pth"),),
            SONIC_LICENCE,
            54_300_672,
            8,
        ),
        Part(
            "audio2bucket",
            "speech and portrait to the amount of motion",
            SONIC,
            None,
            (File("Sonic/audio2bucket.pth"),),
            SONIC_LICENCE,
            21_762_050,
            6,
        ),
        Part(
            "flownet",
            "RIFE: frames between frames, 12.5 to 25 a second",
            SONIC,
            None,
            (
                File(
                    "RIFE/flownet.pkl",
                    sha256="fe854fc8996547c953f732aaa3b78cae76cc0a12833ae856ea0749c4c570d7d8",
                ),
            ),
            RIFE_LICENCE,
            3_038_015,
            160,
        ),
        Part(
            "vae",
            "pictures to latents, and latents to frames",
            SVD,
            _SVD_REVISION,
            (
                _VAE_CONFIG,
                File(
                    "vae/diffusion_pytorch_model.safetensors",
                    391_017_740,
                    "5d92aa595a53d9da9faf594f09910ee869d5d567c8bb0362d5095673c69997d6",
                ),
            ),
            STABILITY_LICENCE,
            97_742_847,
            374,
            (
                _VAE_CONFIG,
                File(
                    "vae/diffusion_pytorch_model.fp16.safetensors",
                    195_531_910,
                    "af602cd0eb4ad6086ec94fbf1438dfb1be5ec9ac03fd0215640854e90d6463a3",
                ),
            ),
        ),
        Part(
            "image_encoder",
            "CLIP ViT-H/14: what the UNet knows of the portrait",
            SVD,
            _SVD_REVISION,
            (
                _ENCODER_CONFIG,
                File(
                    "image_encoder/model.safetensors",
                    2_528_371_296,
                    "ed1e5af7b4042ca30ec29999a4a5cfcac90b7fb610fd05ace834f2dcbb763eab",
                ),
            ),
            STABILITY_LICENCE,
            632_076_800,
            520,
            (
                _ENCODER_CONFIG,
                File(
                    "image_encoder/model.fp16.safetensors",
                    1_264_217_240,
                    "ae616c24393dd1854372b0639e5541666f7521cbe219669255e865cb7f89466a",
                ),
            ),
        ),
        Part(
            "scheduler",
            "noise levels",
            SVD,
            _SVD_REVISION,
            (File("scheduler/scheduler_config.json", 533), File("unet/config.json", 984)),
            STABILITY_LICENCE,
        ),
        Part(
            "whisper",
            "whisper-tiny: speech features",
            WHISPER,
            _WHISPER_REVISION,
            (
                File("config.json", 1983),
                File("preprocessor_config.json", 184_990),
                File(
                    "model.safetensors",
                    151_061_672,
                    "7ebd0e69e78190ffe1438491fa05cc1f5c1aa3a4c4db3bc1723adbb551ea2395",
                ),
            ),
            WHISPER_LICENCE,
            37_760_640,
            167,
        ),
    )
}
"""Name -> part, in the order in which they are shown."""
SINGLE_FILE = File(
    "svd_xt.safetensors", 9_559_625_980, "b2652c23d64a1da5f14d55011b9b6dce55f2e72e395719f1cd1f8a079b00a451"
)
"""The original format of Stable Video Diffusion, which ComfyUI uses: it holds vae and image_encoder."""

CONFIGS: dict[str, dict[str, Any]] = {
    "unet": {
        "sample_size": 96,
        "in_channels": 8,
        "out_channels": 4,
        "down_block_types": [*["CrossAttnDownBlockSpatioTemporal"] * 3, "DownBlockSpatioTemporal"],
        "up_block_types": ["UpBlockSpatioTemporal", *["CrossAttnUpBlockSpatioTemporal"] * 3],
        "block_out_channels": [320, 640, 1280, 1280],
        "addition_time_embed_dim": 256,
        "projection_class_embeddings_input_dim": 768,
        "layers_per_block": 2,
        "cross_attention_dim": 1024,
        "transformer_layers_per_block": 1,
        "num_attention_heads": [5, 10, 20, 20],
        "num_frames": 25,
    },
    "vae": {
        "in_channels": 3,
        "out_channels": 3,
        "down_block_types": ["DownEncoderBlock2D"] * 4,
        "block_out_channels": [128, 256, 512, 512],
        "layers_per_block": 2,
        "latent_channels": 4,
        "sample_size": 768,
        "scaling_factor": 0.18215,
        "force_upcast": True,
    },
    "image_encoder": {
        "hidden_size": 1280,
        "intermediate_size": 5120,
        "num_hidden_layers": 32,
        "num_attention_heads": 16,
        "image_size": 224,
        "patch_size": 14,
        "projection_dim": 1024,
        "hidden_act": "gelu",
    },
    "whisper": {
        "vocab_size": 51865,
        "num_mel_bins": 80,
        "d_model": 384,
        "encoder_layers": 4,
        "encoder_attention_heads": 6,
        "encoder_ffn_dim": 1536,
        "decoder_layers": 4,
        "decoder_attention_heads": 6,
        "decoder_ffn_dim": 1536,
        "max_source_positions": 1500,
        "max_target_positions": 448,
    },
    "scheduler": {
        "beta_start": 0.00085,
        "beta_end": 0.012,
        "beta_schedule": "scaled_linear",
        "interpolation_type": "linear",
        "num_train_timesteps": 1000,
        "prediction_type": "v_prediction",
        "sigma_min": 0.002,
        "sigma_max": 700.0,
        "steps_offset": 1,
        "timestep_spacing": "leading",
        "timestep_type": "continuous",
        "trained_betas": None,
        "use_karras_sigmas": True,
    },
    "audio2token": {
        "seq_len": 10,
        "blocks": 5,
        "channels": 384,
        "intermediate_dim": 1024,
        "output_dim": 1024,
        "context_tokens": 32,
    },
    "audio2bucket": {
        "seq_len": 50,
        "blocks": 1,
        "channels": 384,
        "clip_channels": 1024,
        "intermediate_dim": 1024,
        "output_dim": 1,
        "context_tokens": 2,
    },
    "flownet": {},
}
"""Part -> its configuration at the published size, where no config.json lies beside the weights."""
