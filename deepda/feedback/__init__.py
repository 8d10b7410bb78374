"""What the system made of each observation: background, analysis, spread, used or not, and why.

    window      equivalents of one window, its background check, and what may be assimilated
    store       Parquet parts by year and month, written whole, read back
    nemo        the same in NEMO's feedback layout
    departures  sums of O-B and O-A over any number of parts, in bounded memory
    tables      the tables of `deepda observations feedback`
    scores      RMSE and bias against withheld platforms

Every row that comes in goes out. O-B is observation - background, O-A is observation - analysis, in K;
the error of a score is analysis - observation, as everywhere (error = analysis - truth).
"""

from deepda.feedback.scores import withheld_scores
from deepda.feedback.store import FeedbackWriter, feedback_files, read_feedback
from deepda.feedback.window import feedback

__all__ = ["FeedbackWriter", "feedback", "feedback_files", "read_feedback", "withheld_scores"]
