"""Learning to answer 3D-IQTT questions without being told the answers.

A question says that one of its three answers shows the reference's object: a bag that holds a positive. The answers of
other questions hold none, but by rare chance. So the reference must be more like its own bag than like any other: the
contrastive loss of multiple instances (MIL-NCE, Miech et al. 2020).

Three more things are known without a label. A question's answers show three objects, so the reference must be more like
its bag than the bag's answers are like each other: that tells objects apart which differ by a cube. A picture mirrored
left to right shows the mirror image of its object from a mirrored camera, so the mirrored answers of a question hold no
positive unless the object is its own mirror image. And one answer is right, not two: confidence within the bag can feed
itself (`self_training_loss`; the E and M steps of Dempster et al. 1977 with a single sharp E step).
"""

import torch
from torch import Tensor

from inverse_graphics.checks import require_tensor


def multiple_instance_loss(scores: Tensor, against: Tensor | None = None, answers: Tensor | None = None) -> Tensor:
    """−log of the share of a question's own answers among all.

        L = − mean_i log( Σ_k e^{s_iik} / ( Σ_jk e^{s_ijk} + Σ_m e^{a_im} ) )

    A label makes the bag smaller: the first sum is over the right answer alone, and the two wrong ones are left as
    negatives.

    Args:
        scores: (B, B, 3), s_ijk of reference i with answer k of question j, divided by a temperature.
        against: (B, M) scores that row i must be better than: of reference i with pictures that cannot be right, or of
            two pictures that cannot show the same object. None for none.
        answers: (B,) int64, the right answer, or −1 where that is not known; None where none is.

    Returns:
        Scalar in nats; log B where all scores are equal, nothing is against and no answer known.

    Raises:
        ValueError: wrong shapes or dtypes.
    """
    count = len(require_tensor("scores", scores, "B C 3"))
    require_tensor("scores", scores, f"{count} {count} 3")
    own, everything = scores.diagonal().T, scores.flatten(1)
    if answers is not None:
        require_tensor("answers", answers, str(count), floating=False)
        known = answers[:, None]
        own = own.masked_fill((known >= 0) & (known != torch.arange(3, device=known.device)), -torch.inf)
    if against is not None:
        everything = torch.cat((everything, require_tensor("against", against, f"{count} M")), 1)
    return (everything.logsumexp(1) - own.logsumexp(1)).mean()


def self_training_loss(scores: Tensor) -> Tensor:
    """Cross-entropy (scalar, nats) of the answers with themselves, made sharper: p² / Σ p² as a fixed target.

    Args:
        scores: (B, 3) of each question's own answers, divided by a temperature.
    """
    logs = require_tensor("scores", scores, "B 3").log_softmax(1)
    target = (2 * logs.detach()).softmax(1)
    return -(target * logs).sum(1).mean()
