"""What kind of ocean is in these files, and is it the ocean of the reference? `deepda evaluate`.

    product      files of DeepDA or of anybody -> one way to read them; remapping only when asked for
    calendars    the windows that two products share: the same, or months when calendars differ
    seasonal     mean and harmonics of the year: amplitude, month of the maximum
    patterns     empirical orthogonal functions; boxes and modes that have names
    heatwaves    marine heatwaves after Hobday et al. 2016; contingency scores
    records      frame, record of a product, comparison of two
    gather       one walk through the years, window by window: everything that the pages show
    sections     the parts of the page; figures in charts
    page         the walk and the page: `evaluate`

error = analysis - reference everywhere. Nonlinear quantities (isotherms, variances, heatwaves) are
taken on the cells and in the windows compared, then averaged.
"""

from deepda.evaluation.page import evaluate
from deepda.evaluation.product import EvaluationError, Product, open_product

__all__ = ["EvaluationError", "Product", "evaluate", "open_product"]
