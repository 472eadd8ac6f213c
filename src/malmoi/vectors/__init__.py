"""Word vectors: what is left of word2vec, GloVe or fastText after training.

vectors = read_vectors("glove.6B.100d.txt")     or .vec, .bin, .gz …, or a run folder
vectors.nearest("seoul", 10)
vectors.analogy("man", "king", "woman")         man is to king as woman is to …
"""

from malmoi.vectors.formats import read_vectors, write_vectors
from malmoi.vectors.words import Neighbour, Subwords, WordVectors

__all__ = ["Neighbour", "Subwords", "WordVectors", "read_vectors", "write_vectors"]
