"""Motion judged on pixels: videos are made, tracked anew and compared with real speakers and with simpler methods.

    python bench/motion.py [--speakers FOLDER] [--grid FOLDER] [--folds FOLDER] [--recogniser recogniser.pt]
                           [--mel-judge FILE] [--cache FOLDER] [--only speakers grid languages minutes weights]
                           [--limit N] [--seconds 8] [--jobs 2]

Method. Frames are taken from the renderer before label and encoding, 25 a second, at most 384 px on the shorter side,
and tracked with FaceMesh; filmed clips go through the same tracker and are sampled at the same rate.

speakers  First picture and sound of each filmed clip (never trained on) -> video, beside the clip itself. r: Pearson
          correlation of the two mouth openings (THEval's: mean gap of 8 pairs of inner-lip points over the outer-eye
          distance) at zero lag; "best r" is the highest within 300 ms and "at" its place: positive, the made lips are
          later. "own offset" is how much later than its own sound the filmed mouth moves
          (sonic.evaluation.metrics.offset: the model's ears judge it), "there" what is found once that is taken out. A
          clip without a clear offset is left out of the targets "offset removed", by name. "mel judge" is another pair
          of ears (mel_judge.py, --mel-judge): mean correlation of opening, width and jaw with what it expects, of made
          and of filmed lips. Distance: mouth landmark distance in % of the outer-eye distance
          (sonic.evaluation.metrics.mouth_distance); "moving part" leaves out where the mouth rests. Through the same
          renderer, with the same head and eyes: the picture at rest (still); a jaw that follows the smoothed loudness;
          a table of phones' openings on the phones that --recogniser hears; both with the spread of the model's lips;
          and the filmed lips themselves (redrawn), the ceiling of face model, renderer and tracker. Closeness is 1 -
          |made - real| / real of the medians over clips (of the means in brackets).
grid      The same for GRID speakers, each by the networks of --folds that were trained without this speaker (but the
          denoiser is the shipped one, and the phone recogniser has heard them all); p b m, f v and u o w, found by
          --recogniser in the known sentence, must show (judge_people.SHOWN).
languages Synthetic voices whose phone times are exact, and a song, by the demo portrait. Lag (a) against the opening
          that the phones ask for (methods.OPENNESS, run together with the same weight to both sides, so lips that lead
          as in real speech measure as negative), judged for each language by the mean curve of its voices; (b) against
          loudness, which is no judge of real people either. The same recordings once more with
          articulation ``clear``, for what lips must show. --speakers adds no row here, --grid does: filmed people.
minutes   Seven seconds of the demo recording over and over for ten minutes. Drift: means by the minute and the line
          through them. Seams: the motion comes in pieces; jitter (second difference, mean over 5 frames) at each join
          over that at the same words elsewhere without a join, median over joins, in the motion and on pixels. That is
          1 on the whole where there is no seam; the limit is what chance makes of it beside the joins.
weights   Size of all shipped weights.

What fails stays in the tables. Results are kept in --cache, so a rerun renders only what has changed.
"""

import argparse
import sys
import time
from pathlib import Path

import judge_languages
import judge_minutes
import judge_people
import machine
from mel_judge import MelJudge
from methods import Recogniser
from report import Target, target_table
from results import of_target, record
from setting import Bench
from sonic.engines import open_engine
from sonic.weights import TABLE, read
from tracks import Tracker

PARTS = ("speakers", "grid", "languages", "minutes", "weights")
MAX_WEIGHTS_MB = 45


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--cache", type=Path, default=Path("runs/motion"), help="for what may be used again (%(default)s)"
    )
    parser.add_argument("--speakers", type=Path, help="folder of filmed people")
    parser.add_argument("--grid", type=Path, help="folder of GRID clips with clips.csv (file, speaker)")
    parser.add_argument("--folds", type=Path, help="WORK/folds of `sonic train evaluate`, for --grid")
    parser.add_argument("--mel-judge", type=Path, help="what bench/mel_judge.py has learnt")
    parser.add_argument("--recogniser", type=Path, help="recogniser.pt of the recipe: hears phones")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--limit", type=int, default=10**6, help="clips of each folder, voices of each language")
    parser.add_argument("--seconds", type=float, default=8.0, help="of each clip")
    parser.add_argument("--minutes", type=float, default=10.0, help="of speech without end")
    parser.add_argument("--jobs", type=int, default=2, help="videos at a time")
    options = parser.parse_args()
    bench = Bench(
        Tracker(options.cache, options.jobs),
        open_engine("light"),
        Recogniser(options.recogniser) if options.recogniser else None,
        options.folds,
        MelJudge(options.mel_judge) if options.mel_judge else None,
        options.cache,
        options.limit,
        options.seconds,
    )
    print(machine.describe())
    print(f"weights: {', '.join(f'{file} {sha[:12]}' for file, sha in bench.engine.weights().items())}\n")
    began, targets = time.perf_counter(), []
    if "speakers" in options.only:
        targets += judge_people.speakers(bench, options.speakers)
    if "grid" in options.only:
        targets += judge_people.grid(bench, options.grid)
    if "languages" in options.only:
        targets += judge_languages.languages(bench, options.grid)
    if "minutes" in options.only:
        targets += judge_minutes.minutes(bench, options.minutes)
    if "weights" in options.only:
        size_mb = sum(len(read(name)) for name in TABLE) / 1e6
        targets.append(Target("all weights together", size_mb, high=MAX_WEIGHTS_MB, unit=" MB"))
    for target in targets:
        record(of_target(target, tolerance=0.05, slack=0.02, portable=True))
    print(f"\n### Targets\n\n{target_table(targets)}")
    print(f"\n{(time.perf_counter() - began) / 60:.1f} minutes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
