"""From counts to probabilities: the estimators of the n-gram model, a paper a file.

All of them come out in back-off form, so that one look-up serves them all:

    p(w | h) = p*(h w)          if h w was seen
             = β(h) p(w | h')   otherwise; h' drops the oldest word of h, β(h) = 1 if h is unseen

module           estimators
relative         mle, additive, stupid-backoff
jelinek_mercer   interpolated
katz             katz
kneser_ney       kneser-ney

Differs, for all: 0 / 0 is left open by the papers.  Here the conditional of a history that was
never seen is that of its longest seen ending (`additive`: uniform, as its equation says).
"""
