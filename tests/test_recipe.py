import dataclasses
import re
from pathlib import Path

import pytest
import torch
from hypothesis import given, strategies as st

from malmoi.config import Sizes
from malmoi.errors import RecipeError
from malmoi.ladder import of_kind
from malmoi.models import MODELS, gpt, ngram, rnn
from malmoi.recipe import Recipe
from malmoi.tasks import TASKS
from malmoi.tasks.language_modelling import LanguageModelling
from malmoi.training.config import Training

TOML = """
seed = 7

[task]
kind = "language-modelling"
data = "wikitext-2"
tokens = "given"
batch = 32

[model]
kind = "lstm"
d = 650
dropout = 0.5
tied = true

[training]
optimizer = "sgd"
lr = 1.0
schedule = "plateau"
clip = 5.0
"""
CALL = Recipe(
    task=LanguageModelling(data="wikitext-2", tokens="given", batch=32),
    model=rnn.LSTMConfig(d=650, dropout=0.5, tied=True),
    training=Training(optimizer="sgd", lr=1.0, schedule="plateau", clip=5.0),
    seed=7,
)


def faults(toml: str, *overrides: str) -> str:
    with pytest.raises(RecipeError) as error:
        Recipe.from_toml(toml, overrides)
    return str(error.value)


def test_the_file_is_the_call():
    assert Recipe.from_toml(TOML) == CALL


def test_what_is_written_reads_as_the_same_recipe():
    assert Recipe.from_toml(CALL.to_toml()) == CALL


@pytest.mark.parametrize("name", MODELS)
def test_every_model_has_a_recipe_that_survives_its_file(name):
    spelling = {"spelling": "jamo"} if name == "charcnn" else {}
    task = TASKS[of_kind(name).task](data="wikitext-2", **spelling)
    recipe = Recipe(task=task, model=MODELS[name]())
    assert Recipe.from_toml(recipe.to_toml()) == recipe
    assert f'kind = "{name}"' in recipe.to_toml()


@given(data=st.text(), lr=st.floats(1e-12, 1e6), seed=st.integers(0, 2**63 - 1))
def test_any_value_survives_its_file(data, lr, seed):
    recipe = dataclasses.replace(
        CALL,
        task=dataclasses.replace(CALL.task, data=data),
        training=dataclasses.replace(CALL.training, lr=lr),
        seed=seed,
    )
    assert Recipe.from_toml(recipe.to_toml()) == recipe


def test_tuples_survive_the_file():
    recipe = dataclasses.replace(
        CALL, model=ngram.Config(order=2, estimator="interpolated", weights=(0.25, 0.75))
    )
    assert Recipe.from_toml(recipe.to_toml()) == recipe


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("training.learning=1", "training.learning: unknown"),
        ("model.layer=3", "model.layer: unknown; did you mean 'layers'?"),
        ("model.kind=lstn", "model.kind: 'lstn' is unknown; did you mean 'lstm'?"),
        ("model.layers=two", "model.layers: input should be a valid integer, not 'two'"),
        (
            "training.optimizer=adm",
            "training.optimizer: input should be 'sgd', 'adam', 'adamw' or 'adadelta'",
        ),
        ("training.lr=-1", "training.lr: input should be greater than 0, not -1"),
        ("task.batch=true", "task.batch: input should be a valid integer, not True"),
        ("task.kind=parsing", "task.kind: 'parsing' is unknown"),
        ("seed=-1", "seed: wants a whole number from 0, not -1"),
        ("sed=1", "sed: unknown; did you mean 'seed'?"),
        ("layers=3", "layers: unknown; did you mean 'model.layers'?"),
        ("min_count=3", "min_count: unknown; did you mean 'task.min_count'?"),
        ("lr=3", "lr: unknown; did you mean 'training.lr'?"),
        ("training=3", "training: wants a section [training], not 3"),
        ("training.lr", "--set wants section.key=value, not 'training.lr'"),
        ("seed.x=3", "'seed' is a value, not a section"),
        ("training.momentum=0.5 ", ""),
    ],
)
def test_a_wrong_line_is_named_with_the_way_out(override, message):
    if message:
        assert message in faults(TOML, override)
    else:
        assert Recipe.from_toml(TOML, [override]).training.momentum == 0.5


def test_all_faults_are_told_at_once():
    told = faults(TOML, "model.layer=3", "training.lr=-1", "task.batch=0", "sed=1")
    assert all(key in told for key in ("model.layer", "training.lr", "task.batch", "sed"))


def test_a_conflict_between_fields_is_a_sentence():
    told = faults(TOML, "model.kind=gpt", "model.d=10", "model.heads=4")
    assert "model.dropout" not in told
    assert "d must be a multiple" in told or "tied" in told


def test_windows_longer_than_the_context_are_refused_before_anything_is_read():
    told = faults(TOML, "model.kind=gpt", "model.context=64", "task.length=65", "model.d=64")
    assert "task.length: 65 is more than the model can read, model.context = 64" in told


def test_overrides_are_toml_or_bare_words():
    recipe = Recipe.from_toml(
        TOML, ["training.lr=0.5", "model.tied=false", "task.tokens=characters", "seed=3"]
    )
    assert (recipe.training.lr, recipe.model.tied, recipe.task.tokens, recipe.seed) == (
        0.5,
        False,
        "characters",
        3,
    )


def test_a_missing_section_and_a_missing_file_are_said(tmp_path):
    assert "task: missing" in faults("[model]\nkind='gpt'\n")
    assert "task.data: missing" in faults("[task]\nkind='language-modelling'\n[model]\nkind='gpt'")
    with pytest.raises(RecipeError, match="there is no recipe"):
        Recipe.load(tmp_path / "none.toml")
    with pytest.raises(RecipeError, match="is a folder"):
        Recipe.load(tmp_path)
    (tmp_path / "bad.toml").write_bytes(b"seed = \xff")
    with pytest.raises(RecipeError, match="not UTF-8"):
        Recipe.load(tmp_path / "bad.toml")
    (tmp_path / "bom.toml").write_bytes(b"\xef\xbb\xbf" + TOML.encode())
    assert Recipe.load(tmp_path / "bom.toml") == CALL
    assert "not valid TOML" in faults("seed = = 1")


def test_a_config_refuses_in_python_what_it_refuses_in_a_file():
    with pytest.raises(ValueError, match="multiple"):
        gpt.Config(d=10, heads=4)


RECIPES = sorted((Path(__file__).parents[1] / "recipes").glob("*.toml"))


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_a_recipe_we_ship_can_be_read_and_says_how_to_run_it(path):
    recipe = Recipe.load(path)
    assert Recipe.from_toml(recipe.to_toml()) == recipe
    text = path.read_text("utf-8")
    assert f"malmoi train recipes/{path.name} --to runs/" in text
    results = (path.parents[1] / "docs/results.md").read_text("utf-8")
    assert path.name in results, "docs/results.md has no figure of it"


PAPERS = sorted((Path(__file__).parents[1] / "recipes/papers").glob("*.toml"))


@pytest.mark.parametrize("path", PAPERS, ids=lambda path: path.stem)
def test_a_papers_recipe_builds_a_model_of_the_size_that_its_head_says(path):
    recipe, text = Recipe.load(path), path.read_text("utf-8")
    task = recipe.task
    if isinstance(task, LanguageModelling):
        letters = re.search(r"letters +(\d+)", text)
        characters = int(letters[1]) if letters else 0
        sizes = Sizes(vocabulary=task.vocabulary, characters=characters, longest=1)
    else:
        source = task.source_vocabulary or task.vocabulary
        sizes = Sizes(vocabulary=task.vocabulary, source=source, joint=task.joint)
    with torch.device("meta"):
        model = recipe.model.build(sizes)
    said = int(re.search(r"parameters +([\d,]+)", text)[1].replace(",", ""))
    assert sum(weight.numel() for weight in model.parameters()) == said
    if paper := re.search(r"the paper: (\d+) × 10⁶", text):
        assert said / 1e6 == pytest.approx(int(paper[1]), rel=0.04)
    assert f"malmoi train recipes/papers/{path.name} --set task.data=" in text
    assert "Not trained here" in text
