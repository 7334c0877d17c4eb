"""The steps as nodes: portrait, prepared job, motion, frames, timing."""

from typing import Any

from comfy_api.latest import io, ui

from . import bridge, schemas, wording


class SonicPortrait(io.ComfyNode):
    """Step 1: the face of a picture."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return schemas.schema(
            "SonicPortrait",
            "Sonic Portrait",
            description="Finds the face, draws what was found, and says what would make a better photo.",
            search_aliases=["face detection", "Sonic image loader", "talking head"],
            inputs=[
                io.Image.Input(
                    "image", tooltip="One picture of a person, from Load Image. A batch of several is refused."
                ),
                schemas.setting_input("face"),
            ],
            outputs=[
                schemas.PORTRAIT.Output("portrait", display_name="portrait", tooltip="For SONIC_PreData."),
                io.Image.Output("preview", display_name="preview", tooltip="What was found, drawn on the picture."),
                io.String.Output(
                    "report", display_name="report", tooltip="What was measured, and what would be better."
                ),
            ],
        )

    @classmethod
    @wording.spoken
    def execute(cls, image: Any, face: int, **others: Any) -> io.NodeOutput:
        import dataclasses

        from sonic.errors import FaceError
        from sonic.evaluation.photo import drawn
        from sonic.media.photo import load_photo
        from sonic.settings import Settings

        settings = Settings(**schemas.chosen({"face": face}, ("face",)))
        chosen = bridge.Chosen(bridge.photo_file(image), settings.face)
        photo = load_photo(chosen.photo_file)
        named = dataclasses.replace(photo, name=wording.names_of(cls).get("photo", photo.name))
        seen, drawing = drawn(named, settings)
        if seen.video_px is None:
            bridge.Screen().picture(drawing)  # the faces with their numbers, before the node fails
            raise FaceError(seen.notices[0])
        preview = bridge.image(drawing)
        report = "\n".join([seen.to_text(), *schemas.answers(others, ())])
        return io.NodeOutput(chosen, preview, report, ui=ui.PreviewImage(preview, cls=cls))


class SonicPreData(io.ComfyNode):
    """Step 2: picture and sound become a job."""

    KNOBS = ("duration", "min_resolution", "framing", "expand_ratio")

    @classmethod
    def define_schema(cls) -> io.Schema:
        return schemas.schema(
            "SonicPreData",
            "SONIC_PreData",
            description=(
                "Frames the portrait and reads the recording, which decides the length: duration only shortens. "
                "The clip_vision, vae and weight_dtype of older nodes are not needed."
            ),
            search_aliases=["SONIC_PreData", "Sonic audio", "expand_ratio", "min_resolution"],
            inputs=[
                io.MultiType.Input(
                    "portrait",
                    [schemas.PORTRAIT, io.Image],
                    tooltip="From Sonic Portrait, or a picture straight from Load Image if it shows one face.",
                ),
                io.Audio.Input("audio", tooltip="One recording, at any rate; its sound goes into the video as it is."),
                *schemas.inputs(cls.KNOBS),
            ],
            outputs=[
                schemas.PREPARED.Output("data_dict", display_name="data_dict", tooltip="For Sonic Inference."),
                io.Image.Output("framed", display_name="framed", tooltip="What the video will show, at its size."),
            ],
        )

    @classmethod
    @wording.spoken
    def execute(cls, portrait: Any, audio: Any, **widgets: Any) -> io.NodeOutput:
        from sonic.pipeline.prepare import prepare
        from sonic.settings import Settings

        chosen = portrait if isinstance(portrait, bridge.Chosen) else bridge.Chosen(bridge.photo_file(portrait))
        settings = Settings(**schemas.chosen(widgets, cls.KNOBS), face=chosen.face)
        job = bridge.job_of(bridge.Screen(), settings, schemas.answers(widgets, cls.KNOBS))
        prepared = prepare(chosen.photo_file, bridge.sound_file(audio), settings, job.observer)
        framed = bridge.image(prepared.portrait.crop)
        return io.NodeOutput(bridge.Step(prepared, tuple(job.notices)), framed)


class SonicSvdOptions(io.ComfyNode):
    """What only the published model heeds."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return schemas.schema(
            "SonicSvdOptions",
            "Sonic Official Weights Options",
            description=(
                "For engine svd, the published Sonic weights on Stable Video Diffusion: a GPU, pip install "
                "'sonic-talk[gpu]' and the weights in models/sonic are needed; `sonic weights fetch` gets them. The "
                "weights are for non-commercial use."
            ),
            search_aliases=["SONICTLoader", "SVD", "official Sonic"],
            inputs=schemas.inputs(schemas.SVD_ONLY),
            outputs=[
                schemas.SVD.Output(
                    "svd_options",
                    display_name="svd_options",
                    tooltip="For Sonic Inference or Sonic Talking Portrait.",
                )
            ],
        )

    @classmethod
    @wording.spoken
    def execute(cls, **widgets: Any) -> io.NodeOutput:
        from sonic.settings import Settings

        values = schemas.chosen(widgets, schemas.SVD_ONLY)
        Settings(**values)
        return io.NodeOutput(values)


class SonicInference(io.ComfyNode):
    """Step 3: motion from speech."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return schemas.schema(
            "SonicInference",
            "Sonic Inference",
            description="Makes the motion of lips, head and eyes from the speech; plotted before any frame is made.",
            search_aliases=["SONICSampler", "inference_steps", "dynamic_scale", "motion_scale", "lip sync"],
            inputs=[
                schemas.PREPARED.Input("data_dict", tooltip="From SONIC_PreData."),
                *schemas.inputs(schemas.DRIVING),
                schemas.SVD.Input(
                    "svd_options", optional=True, tooltip="Only for engine svd; without it, as published."
                ),
            ],
            outputs=[
                schemas.MOTION.Output("motion", display_name="motion", tooltip="Motion latents, for Latent Decoder."),
                io.Image.Output(
                    "plot", display_name="plot", tooltip="Lips beside the loudness, head and lids over time."
                ),
            ],
        )

    @classmethod
    @wording.spoken
    def execute(cls, data_dict: bridge.Step, svd_options: Any = None, **widgets: Any) -> io.NodeOutput:
        import dataclasses

        from sonic.evaluation import curves
        from sonic.pipeline import stages

        changes = (svd_options or {}) | schemas.chosen(widgets, schemas.DRIVING)
        settings = bridge.with_models(data_dict.value.settings.replace(**changes))
        prepared = dataclasses.replace(data_dict.value, settings=settings)
        said = (*data_dict.notices, *schemas.answers(widgets, schemas.DRIVING))
        job = bridge.job_of(bridge.Screen(), settings, said)
        with bridge.engine(settings.engine):
            take = stages.materialize(bridge.session().drive(prepared, job.observer), job.observer)
        plot = bridge.image(curves.draw(take))
        return io.NodeOutput(bridge.Step(take, tuple(job.notices)), plot, ui=ui.PreviewImage(plot, cls=cls))


class SonicLatentDecoder(io.ComfyNode):
    """Step 4: motion becomes frames."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return schemas.schema(
            "SonicLatentDecoder",
            "Latent Decoder (Sonic)",
            description=(
                "Frames from motion, made one by one by whoever takes them: memory does not grow with the length. Here "
                "the opening is decoded, as a sheet to look at."
            ),
            search_aliases=["Latent Decoder", "Sonic VAE decode"],
            inputs=[
                schemas.MOTION.Input("motion", tooltip="From Sonic Inference."),
                io.Int.Input(
                    "preview_frames",
                    default=8,
                    min=1,
                    max=24,
                    tooltip="Pictures of the opening on the sheet, four a second, labelled and watermarked.",
                ),
            ],
            outputs=[
                schemas.FRAMES.Output(
                    "frames",
                    display_name="frames",
                    tooltip="For Post-Processing, Sonic Video Output or Frames To Images.",
                ),
                io.Image.Output("sheet", display_name="sheet", tooltip="The opening as one picture, labelled."),
            ],
        )

    @classmethod
    @wording.spoken
    def execute(cls, motion: bridge.Step, preview_frames: int, **others: Any) -> io.NodeOutput:
        from sonic.media.images import tile
        from sonic.pipeline.stages import stills

        progress = bridge.Screen().progress  # no live picture: it would stay over the sheet
        with bridge.engine(motion.value.settings.engine):
            frames = stills(motion.value, preview_frames, progress, longest_s=preview_frames / 4)
            shown = [frame.rgb for frame in frames]
        sheet = bridge.image(tile(shown, columns=min(4, len(shown))))
        carried = bridge.Step(motion.value, (*motion.notices, *schemas.answers(others, ())))
        return io.NodeOutput(carried, sheet, ui=ui.PreviewImage(sheet, cls=cls))


class SonicPostProcessing(io.ComfyNode):
    """Between steps 4 and 5: when the lips move, and how smoothly."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return schemas.schema(
            "SonicPostProcessing",
            "Post-Processing (Sonic)",
            description=(
                "Lip calibration and smoothing. The measured offset is shown first: change audio_offset_ms only "
                "where it is certain. Colours need no switch: they are held to the photo's in every video."
            ),
            search_aliases=["lip-sync calibration", "motion smoothing", "color lock", "audio offset"],
            inputs=[
                schemas.FRAMES.Input("frames", tooltip="From Latent Decoder."),
                *schemas.inputs(schemas.TIMING),
            ],
            outputs=[
                schemas.FRAMES.Output(
                    "timed", display_name="frames", tooltip="For Sonic Video Output or Frames To Images."
                ),
                io.String.Output("report", display_name="report", tooltip="The measured lip offset before and after."),
                io.Image.Output("plot", display_name="plot", tooltip="The motion as it is now."),
            ],
        )

    @classmethod
    @wording.spoken
    def execute(cls, frames: bridge.Step, **widgets: Any) -> io.NodeOutput:
        from sonic.evaluation import curves
        from sonic.pipeline import stages

        take = frames.value
        settings = take.settings.replace(**schemas.chosen(widgets, schemas.TIMING))
        said = (*frames.notices, *schemas.answers(widgets, schemas.TIMING))
        job = bridge.job_of(bridge.Screen(), settings, said)
        with bridge.engine(settings.engine):
            after = stages.changed(take, settings, job.observer)
        report = (
            f"before: {curves.describe_lag(curves.lag_of(take))}\nafter: {curves.describe_lag(curves.lag_of(after))}"
        )
        plot = bridge.image(curves.draw(after))
        shown = {**ui.PreviewImage(plot, cls=cls).as_dict(), "text": (report,)}
        return io.NodeOutput(bridge.Step(after, tuple(job.notices)), report, plot, ui=shown)
