"""Quality Report: what the pixels of a video say, and what is left of its provenance."""

from typing import Any

from comfy_api.latest import io, ui

from . import bridge, schemas, wording


class SonicQualityReport(io.ComfyNode):
    """Measures any video of one face."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return schemas.schema(
            "SonicQualityReport",
            "Sonic Quality Report",
            description=(
                "Tracks the face anew in the finished video, measures lips against sound, blinks, head and colours, "
                "and checks label, watermark, metadata and signature."
            ),
            search_aliases=["lip sync score", "evaluate", "verify"],
            is_output_node=True,
            # Not VIDEO alone: newer front ends take every picture of a node that has such an input for a film.
            inputs=[
                io.MultiType.Input(
                    "video",
                    [io.Video, io.String],
                    tooltip=(
                        "From Sonic Video Output, its video or its file, or any video of one face with sound in "
                        "ComfyUI's folders."
                    ),
                )
            ],
            outputs=[
                io.String.Output("figures", display_name="figures", tooltip="One measure a line."),
                io.Image.Output("plot", display_name="plot", tooltip="Mouth opening beside loudness."),
                io.String.Output("provenance", display_name="provenance", tooltip="What the file says about itself."),
            ],
        )

    @classmethod
    @wording.spoken
    def execute(cls, video: Any, **others: Any) -> io.NodeOutput:
        from sonic.evaluation.video import draw_curves, evaluate_video
        from sonic.verification import verify

        screen = bridge.Screen()
        path = bridge.video_file(video)
        evaluation = evaluate_video(path, None, on_progress=screen.progress)
        figures, provenance = evaluation.to_text(), verify(path).to_text()
        plot = bridge.image(draw_curves(evaluation, path.name))
        shown = {**ui.PreviewImage(plot, cls=cls).as_dict(), "text": (f"{figures}\n\n{provenance}",)}
        return io.NodeOutput(figures, plot, provenance, ui=shown)
