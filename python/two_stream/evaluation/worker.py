"""A process that scores videos: ``python -m two_stream.evaluation.worker PLAN``.

Reads the numbers of videos on standard input, one a line, and answers each in
JSON on standard output: ``{"video": 3, "scores": [...]}`` or ``{"video": 3,
"error": "..."}``. Whatever Caffe logs goes to standard error.
"""

from __future__ import annotations

import json
import os
import pickle
import sys
from pathlib import Path

from two_stream.data.stores import open_store
from two_stream.errors import UserError
from two_stream.evaluation.plan import Plan
from two_stream.evaluation.views import video_scores


def load_net(plan: Plan, net_path: Path, gpu: int | None):
    """Returns the pycaffe net with its weights, its input of whole batches."""
    import caffe

    if gpu is None:
        caffe.set_mode_cpu()
    else:
        caffe.set_device(gpu)
        caffe.set_mode_gpu()
    net = caffe.Net(str(net_path), caffe.TEST, weights=plan.weights)
    crops = plan.sampling.crops
    batch = max(plan.batch // crops, 1) * crops
    net.blobs[plan.input].reshape(batch, plan.sampling.channels, *plan.sampling.crop)
    net.reshape()
    return net


def main(plan_path: str, gpu: str) -> None:
    """Answers until standard input ends."""
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # layers written in Python may print
    plan: Plan = pickle.loads(Path(plan_path).read_bytes())
    net = load_net(plan, Path(plan_path).with_name("net.prototxt"), _device(gpu))
    store = open_store(plan.store_path)
    print(json.dumps({"ready": True}), file=answers)
    for line in sys.stdin:
        number = int(line)
        try:
            scores = video_scores(net, plan, store, plan.videos[number])
            answer = {"video": number, "scores": scores.tolist()}
        except UserError as error:
            answer = {"video": number, "error": str(error)}
        print(json.dumps(answer), file=answers)


def _device(word: str) -> int | None:
    return None if word == "cpu" else int(word)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
