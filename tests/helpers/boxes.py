"""Operations on boxes, one at a time."""

from __future__ import annotations


def plain_suppression(table, scores, least, threshold, eta, top_k):
    """Box by box, without arrays."""

    def shared(a, b):
        width, height = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
        if width <= 0 or height <= 0:
            return 0
        areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (a, b)]
        return width * height / (sum(areas) - width * height)

    order = sorted((i for i in range(len(scores)) if scores[i] > least), key=lambda i: -scores[i])
    kept = []
    for i in order if top_k < 0 else order[:top_k]:
        if all(shared(table[i], table[k]) <= threshold for k in kept):
            kept.append(i)
            if eta < 1 and threshold > 0.5:
                threshold *= eta
    return kept
