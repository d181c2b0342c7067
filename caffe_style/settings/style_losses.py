"""Names of style losses."""

STYLE_LOSSES = {
    name: None
    for name in (
        "gram",
        "gram-sum",
        "spatial",
        "spatial-pairs",
        "pixelwise",
        "windowed",
        "covariation",
    )
}
