"""The app's pages and views: what is measured, photographed and tested of all of them."""

PAGES = {
    "separate": "",
    "filters": "filters",
    "inside": "inside",
    "explain": "explain",
    "ideal-masks": "ideal_masks",
    "corpus": "corpus",
    "corpus-compare": "corpus?corpus_view=Compare",
    "corpus-evaluate": "corpus?corpus_view=Evaluate",
    "corpus-training": "corpus?corpus_view=Training",
    "start-point": "start_point",
    "designs": "designs",
    "live": "live",
    "listening-test": "listening_test",
}
