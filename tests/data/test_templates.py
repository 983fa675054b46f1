"""Encoding: what ptune builds is what each tokenizer builds, and prompt tokens stand where the template puts them."""

import pytest
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from ptune.data.templates import Layout
from ptune.errors import DataError
from ptune.spec.template import Stretch, parse, plain, run_lengths

PAIRS = [
    ("A short film.", "It is long, and it never ends: 1999 minutes of rain."),
    ("The same.", "The same."),
    ("It is long, and it never ends: 1999 minutes of rain.", "Wet?"),
    ("흡연자분들은 발코니가 있는 방이면 발코니에서 흡연이 가능합니다.", "어떤 방에서도 흡연은 금지됩니다."),
    ("naïve <b>", '\'s "quoted"'),
]


@pytest.fixture(scope="module")
def corpus(shared_data) -> list[str]:
    english = (shared_data / "sst2" / "dev.tsv").read_text(encoding="utf-8").splitlines()
    korean = (shared_data / "kornli" / "xnli.dev.ko.tsv").read_text(encoding="utf-8").splitlines()
    return english[:600] + korean[:300]


def byte_level(corpus: list[str], specials: list[str]) -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=1200, special_tokens=specials, initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator(corpus, trainer)
    return tokenizer


def roberta_style(corpus) -> PreTrainedTokenizerFast:
    tokenizer = byte_level(corpus, ["<s>", "</s>", "<pad>"])
    tokenizer.post_processor = processors.RobertaProcessing(("</s>", 1), ("<s>", 0), add_prefix_space=False)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        cls_token="<s>",
        sep_token="</s>",
        bos_token="<s>",
        eos_token="</s>",
        pad_token="<pad>",
    )


def gpt2_style(corpus) -> PreTrainedTokenizerFast:
    tokenizer = byte_level(corpus, ["<|endoftext|>"])
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<|endoftext|>")


def llama_style(corpus) -> PreTrainedTokenizerFast:
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", byte_fallback=True))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first")
    fallback = [f"<0x{byte:02X}>" for byte in range(256)]
    trainer = trainers.BpeTrainer(vocab_size=1500, special_tokens=["<unk>", "<s>", *fallback], show_progress=False)
    tokenizer.train_from_iterator(corpus, trainer)
    tokenizer.post_processor = processors.TemplateProcessing("<s> $A", "<s> $A <s>:1 $B:1", [("<s>", 1)])
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token="<s>", unk_token="<unk>")


def t5_style(corpus) -> PreTrainedTokenizerFast:
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    trainer = trainers.UnigramTrainer(
        vocab_size=1000, special_tokens=["<unk>", "</s>"], unk_token="<unk>", show_progress=False
    )
    tokenizer.train_from_iterator(corpus, trainer)
    tokenizer.post_processor = processors.TemplateProcessing("$A </s>", "$A </s> $B </s>", [("</s>", 1)])
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="</s>", unk_token="<unk>")


def korean_wordpiece(corpus) -> PreTrainedTokenizerFast:
    """BERT's form with a vocabulary that lacks the letter a."""
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=False)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    specials = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
    trainer = trainers.WordPieceTrainer(vocab_size=900, special_tokens=specials, show_progress=False)
    tokenizer.train_from_iterator([line for line in corpus if not line.isascii()], trainer)
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    names = {"cls_token": "[CLS]", "sep_token": "[SEP]", "unk_token": "[UNK]", "pad_token": "[PAD]"}
    inputs = ["input_ids", "token_type_ids", "attention_mask"]
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, model_input_names=inputs, **names)


MAKERS = {maker.__name__: maker for maker in (roberta_style, gpt2_style, llama_style, t5_style, korean_wordpiece)}


@pytest.fixture(scope="module", params=[*MAKERS, "minilm", "stories260K"])
def tokenizer(request, corpus, minilm, shared_data):
    if request.param in MAKERS:
        return MAKERS[request.param](corpus)
    return AutoTokenizer.from_pretrained(minilm if request.param == "minilm" else shared_data / request.param)


@pytest.fixture(scope="module")
def gpt2(corpus):
    return gpt2_style(corpus)


@pytest.fixture(scope="module")
def roberta(corpus):
    return roberta_style(corpus)


@pytest.fixture(scope="module")
def bert(minilm):
    return AutoTokenizer.from_pretrained(minilm)


def layout(tokenizer, template: str, fields=("text",), length: int = 4, max_length: int = 64) -> Layout:
    parts = parse(template, list(fields))
    return Layout(tokenizer, fields, parts, run_lengths(parts, length), max_length)


def words(tokenizer, text: str) -> list[int]:
    return tokenizer(text, add_special_tokens=False)["input_ids"]


@pytest.mark.parametrize("max_length", [200, 17, 16, 9])
def test_without_a_prompt_a_text_is_what_the_tokenizer_makes_of_it(tokenizer, max_length):
    plain_layout = Layout(tokenizer, ["text"], plain(["text"]), [], max_length)
    texts = [text for pair in PAIRS for text in pair]
    for text, example in zip(texts, plain_layout.encode_all([(text,) for text in texts]), strict=True):
        expected = tokenizer(text, truncation=True, max_length=max_length)
        assert example.ids == expected["input_ids"]
        assert example.types == expected.get("token_type_ids", [0] * len(example.ids))
        assert (example.first, example.last) == (0, len(example.ids) - 1)


@pytest.mark.parametrize("max_length", [200, 18, 17, 10])
def test_without_a_prompt_a_pair_is_what_the_tokenizer_makes_of_it(tokenizer, max_length):
    examples = Layout(tokenizer, ["one", "two"], plain(["one", "two"]), [], max_length).encode_all(PAIRS)
    glues = tokenizer("a", "b")["input_ids"] == words(tokenizer, "a") + words(tokenizer, "b")
    for (one, two), example in zip(PAIRS, examples, strict=True):
        second = (
            f" {two}" if glues else two
        )  # where the tokenizer puts nothing between, the second text is the next words
        expected = tokenizer(one, second, truncation="longest_first", max_length=max_length)
        assert example.ids == expected["input_ids"]
        assert example.types == expected.get("token_type_ids", [0] * len(example.ids))


def test_two_texts_that_nothing_separates_are_one_text(gpt2):
    example = Layout(gpt2, ["one", "two"], plain(["one", "two"]), [], 200).encode(PAIRS[0])
    assert example.ids == words(gpt2, " ".join(PAIRS[0]))


def test_examples_encoded_together_equal_those_encoded_alone(tokenizer):
    bound = layout(tokenizer, "everywhere", ["one", "two"], 7, 40)
    assert bound.encode_all(PAIRS) == [bound.encode(pair) for pair in PAIRS]
    assert bound.encode_all([]) == []


@pytest.mark.parametrize("template", ["before", "after", "around", "between", "everywhere", "[P:2] {two} or [P] {one}"])
def test_prompt_tokens_are_added_and_nothing_else_changes(bert, template):
    example = layout(bert, template, ["one", "two"], 9, 200).encode(PAIRS[0])
    assert sorted(token for token in example.ids if token < 0) == list(range(-9, 0))
    assert [token for token in example.ids if token < 0] == list(range(-1, -10, -1))
    swapped = template.endswith("{one}")
    words_only = bert(" or ".join(PAIRS[0][::-1])) if swapped else bert(*PAIRS[0])
    assert [token for token in example.ids if token >= 0] == words_only["input_ids"]


def test_the_layout_of_a_bert_pair(bert):
    example = layout(bert, "[P] {one} [P] [SEP] question: {two} [P]", ["one", "two"], 4).encode(("yes", "no"))
    read = [f"P{-token}" if token < 0 else bert.convert_ids_to_tokens(token) for token in example.ids]
    assert read == ["[CLS]", "P1", "P2", "yes", "P3", "[SEP]", "question", ":", "no", "P4", "[SEP]"]
    assert example.types == [0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1]
    assert (example.first, example.last) == (0, 10)


def test_a_causal_model_reads_the_prompt_tokens_that_follow_the_text(gpt2):
    example = layout(gpt2, "{text} It is [P]", length=3).encode(("rain",))
    assert example.ids[-3:] == [-1, -2, -3]
    assert example.last == len(example.ids) - 1


@pytest.mark.parametrize(
    ("template", "rest"), [("[P] {text} was [P]", " rain was"), ("[P] It was {text}", " It was rain")]
)
def test_words_after_words_or_a_prompt_carry_their_space(gpt2, roberta, template, rest):
    for tokenizer in (gpt2, roberta):
        example = layout(tokenizer, template, length=2).encode(("rain",))
        specials = set(tokenizer.all_special_ids)
        assert [token for token in example.ids if token >= 0 and token not in specials] == words(tokenizer, rest)


def test_words_that_start_a_segment_carry_no_space(roberta):
    example = layout(roberta, "It was {one} [SEP] {two} [P]", ["one", "two"], 1).encode(("rain", "snow"))
    inside = [0, *words(roberta, "It was rain"), 1, 1, *words(roberta, "snow"), -1, 1]
    assert example.ids == inside


def test_anchors_and_texts_join_like_running_text(tokenizer):
    example = layout(tokenizer, "It was {text} and so it goes [P]", length=1, max_length=200).encode(("a fine film",))
    running = tokenizer("It was a fine film and so it goes")["input_ids"]
    assert [token for token in example.ids if token >= 0] == running


def test_surrounding_white_space_is_no_text(gpt2):
    bound = Layout(gpt2, ["text"], plain(["text"]), [], 64)
    assert bound.encode(("  rain \n",)) == bound.encode(("rain",))


@pytest.mark.parametrize("max_length", [12, 15, 18])
def test_shortening_cuts_texts_and_nothing_else(tokenizer, max_length):
    template = "[P:2] {one} and [P] {two}"
    texts = ("rain " * 300, "snow " * 3)
    short, whole = (layout(tokenizer, template, ["one", "two"], 3, size).encode(texts) for size in (max_length, 5000))
    of_texts = {token for text in texts for token in words(tokenizer, f"a {text.strip()}")} - set(words(tokenizer, "a"))
    assert len(short.ids) == max_length
    assert [t for t in short.ids if t not in of_texts] == [t for t in whole.ids if t not in of_texts]
    assert [t for t in short.ids if t < 0] == [-1, -2, -3]


def test_shortening_follows_the_tokenizers_side(corpus):
    tokenizer = gpt2_style(corpus)
    tokenizer.truncation_side = "left"
    example = Layout(tokenizer, ["text"], plain(["text"]), [], 8).encode((PAIRS[0][1],))
    assert example.ids == words(tokenizer, PAIRS[0][1])[-8:]


def test_a_template_without_room_for_text_is_refused_with_its_numbers(bert):
    message = (
        "max_length = 16 leaves 0 tokens for 2 text(s): 12 prompt, 2 anchor and 3 special tokens take 17; "
        "max_length must be at least 19"
    )
    with pytest.raises(DataError) as caught:
        layout(bert, "[P] {one} [SEP] it is {two}", ["one", "two"], 12, 16)
    assert str(caught.value) == message


def test_an_input_without_any_token_is_refused(gpt2):
    bound = Layout(gpt2, ["text"], plain(["text"]), [], 8)
    with pytest.raises(DataError, match="an example has no token"):
        bound.encode_all([("rain",), (" ",)])


def test_anchors_written_without_a_space_stand_right_behind_the_text(gpt2):
    apart, glued = (layout(gpt2, f"[P] {{text}}{mark}", length=1).encode(("rain",)).ids for mark in (" ?", "?"))
    assert apart == [-1, *words(gpt2, " rain ?")]
    assert glued == [-1, *words(gpt2, " rain?")]
    quoted = layout(gpt2, '[P] "{text}"', length=1).encode(("rain",)).ids
    assert quoted == [-1, *words(gpt2, ' "rain"')]


@pytest.mark.parametrize("max_length", [64, 17, 9])
@pytest.mark.parametrize("cut", ["50%", "3", "40"])
def test_prompt_tokens_between_the_words_of_a_text_change_nothing_else(tokenizer, cut, max_length):
    divided = layout(tokenizer, f"{{text[:{cut}]}} [P] {{text[{cut}:]}}", length=2, max_length=max_length + 2)
    whole = Layout(tokenizer, ["text"], plain(["text"]), [], max_length)
    texts = [(text,) for pair in PAIRS for text in pair]
    for (text,), parted, one in zip(texts, divided.encode_all(texts), whole.encode_all(texts), strict=True):
        before = len(words(tokenizer, Stretch(end=cut).of(text)))
        if before == 0:  # a text of one word: it follows the prompt, and a byte-level tokenizer marks that
            continue
        assert [token for token in parted.ids if token >= 0] == one.ids, text
        special = whole.pieces[0].ids
        assert parted.ids.index(-1) == len(special) + min(before, len(one.ids) - len(special) - whole.closing)
