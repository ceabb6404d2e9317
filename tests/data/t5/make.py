"""Records what transformers' T5 answers, for the tests of agents/src/models/t5 and of `cartwheel translate`.

    KERAS_BACKEND=torch python tests/data/t5/make.py

Needs torch, transformers 5.23, tokenizers, sentencepiece, protobuf and safetensors. It writes, beside itself,

- relu/       a tiny random T5 v1.0: ReLU, tied head, one weights file, `spiece.model`
- gated/      a tiny random T5 v1.1: gated GELU, a head of its own, two weights files with an index, `tokenizer.json`
- expected.json in both: logits, and ids from generate()
- buckets.json, tokens.json, sampling.json

The SentencePiece model is a real one, trained here on the sentences below with T5's own settings.
"""

import codecs
import contextlib
import io
import json
import pathlib
import shutil

with contextlib.redirect_stdout(io.StringIO()):
    import this  # a text that every Python has

import sentencepiece
import torch
from safetensors.torch import save_file
from transformers import T5Config, T5ForConditionalGeneration, T5Tokenizer
from transformers.generation.logits_process import TemperatureLogitsWarper, TopKLogitsWarper, TopPLogitsWarper
from transformers.models.t5.modeling_t5 import T5Attention

HERE = pathlib.Path(__file__).parent

SENTENCES = """translate English to French: The house is wonderful and the garden is green.
La maison est merveilleuse et le jardin est vert.
translate English to German: Where is the station, please?
Wo ist der Bahnhof, bitte? Das Haus ist wunderbar und der Garten ist grün.
He said: "I don't know; ask me again tomorrow (or in 3 days)."
Elle a dit : « Je ne sais pas, demandez-moi encore demain. »
The quick brown fox jumps over the lazy dog, 1234567890 times!
Portez ce vieux whisky au juge blond qui fume. Où êtes-vous allés à Noël ?
Zwölf Boxkämpfer jagen Viktor quer über den großen Sylter Deich.
summarize: state of the art models translate sentences from one language into another.
今天天气很好。我们去公园吧。
the cat sat on the mat and the rat sat on the hat; all of them were happy to translate it.""".split("\n") + codecs.decode(this.s, "rot13").split("\n")

HARD = [
    "", " ", "  ", "\t", "\n", "a", " a", "a ", " a ", "a  b", "a   b", "a\tb", "a\nb", "a\r\nb", "\u00a0a\u00a0b\u00a0",
    "\u3000全角\u3000空格", "今天天气很好。", "我们去公园吧！", "漢字とカナ", "カタカナ", "ｶﾞｷﾞｸﾞ", "ガ", "か\u3099", "한국어", "\u1112\u1161\u11ab",
    "Ελληνικά", "кириллица", "עברית", "العربية", "हिन्दी", "ไทย", "ქართული", "አማርኛ", "😀", "😀😀", "a😀b", "👨\u200d👩\u200d👧\u200d👦",
    "👍🏽", "🇫🇷", "1\ufe0f\u20e3", "☃\ufe0f", "ﬁ", "ﬂ", "ﬃ", "ﬀ", "oﬃce", "ĳ", "Ǆ", "ß", "ẞ", "ſ", "İ", "ı", "Å", "Å",
    "e\u0301", "é", "E\u0301cole", "e\u0301\u0302\u0303", "\u0301", "\u0301a", "a\u0301\u0301\u0301\u0301", "o\u0308\u0304", "ộ", "ợ", "q\u0323\u0307",
    "a\u200bb", "a\u200cb", "a\u200db", "a\ufeffb", "\ufeffa", "a\u2060b", "a\u00adb", "a\u200eb", "a\u202eb", "\u200b", "\u200b \u200b",
    "a\u0000b", "a\u0001b", "a\u0007b", "a\u001bb", "a\u007fb", "a\u0080b", "a\u0085b", "\u0000", "\u000b", "a\u000cb", "a\u2028b", "a\u2029b",
    "①②③", "½", "¼ cup", "x²", "H₂O", "10⁻³", "ℵ", "ℝ", "™", "№ 5", "℃", "㎏", "㍿", "㈱", "…", "...", "‥", "—", "–", "-", "―",
    "“quoted”", "‘quoted’", "„quoted“", "«guillemets»", "‹›", "'", "''", '"', "`", "´", "¨", "~", "～", "ＡＢＣ", "ａｂｃ", "１２３", "！？",
    "don't", "it's", "I'm", "they'd've", "U.S.A.", "e.g.", "3.14159", "1,000,000", "1 000", "$5.00", "€5", "£5", "¥5", "100%", "#tag", "@user",
    "user@example.com", "https://example.com/a?b=c&d=e#f", "C:\\Windows\\System32", "/usr/local/bin", "foo_bar", "fooBar", "__init__", "a/b/c",
    "a-b-c", "a--b", "a---b", "(a)", "[a]", "{a}", "<a>", "<>", "< s >", "<s", "s>", "</", "</ s>", "<unk", "▁", "▁a", "a▁b", "▁▁", "_",
    "a" * 50, "a" * 600, "abc" * 300, "今" * 100, "😀" * 40, "ab " * 100, "the house is wonderful", "The House Is Wonderful", "THE HOUSE",
    "translate English to French: The house is wonderful.", "translate English to German: Where is the station, please?",
    "translate  English  to  French:  The  house", "La maison est merveilleuse.", "Où êtes-vous allés à Noël ?", "Zwölf Boxkämpfer",
    "Das Haus ist grün.", "großen", "GROẞEN", "naïve façade", "crème brûlée", "piñata", "Ångström", "Dvořák", "Łódź", "Đorđe", "Þór",
    "a\u0300\u0316b", "\u1e9b\u0323", "\u0344", "\u2126", "\u212b", "\uf900", "\ufb2c", "\U0001d400\U0001d401", "\U0001d54f", "\ud7a3", "\U0002f800",
    "\ufffd", "a\ufffdb", "\ue000", "\U000f0000", "\U0010ffff", "\ufdfa", "\u0e33", "กำ", "ບໍ່", "क्षि", "ന്‍", "\u1160\u1175", "ᄀ",
    "tab\tand  spaces \n new", "  leading", "trailing  ", "\u2003em space", "thin\u2009space", "a\u205fb", "a\u180eb", "a\u1680b",
    "mixed 今天 and text", "word今天word", "1今2", ".", "..", "....", "?!?!", "hello,world", "hello , world", "a.b.c", "Mr. Smith's 3rd dog",
]
SPECIAL = ["</s>", "a</s>b", "<pad>", "<unk>", "x <extra_id_0> y", "<extra_id_99>", "a</s> <pad><unk>", "< /s>", "</s></s>", "the </s> house"]


def tokenizers(model: bytes):
    (HERE / "relu" / "spiece.model").write_bytes(model)
    slow = T5Tokenizer.from_pretrained(HERE / "relu")
    slow.backend_tokenizer.save(str(HERE / "gated" / "tokenizer.json"))
    fast = T5Tokenizer.from_pretrained(HERE / "gated")
    plain = sentencepiece.SentencePieceProcessor(model_proto=model)
    strings = []
    for text in HARD:
        ids = slow(text)["input_ids"]
        assert ids == fast(text)["input_ids"], text
        strings.append({"text": text, "ids": ids, "decoded": slow.decode(ids, skip_special_tokens=True)})
    # As text, a special token's name is what SentencePiece makes of it: pieces as of any other text.
    special = [{"text": t, "ids": plain.encode(t) + [1], "parsed": slow(t)["input_ids"]} for t in SPECIAL]
    decoded = []
    for ids in [[5, 6, 7], [0, 5, 2, 6, 1, 0], [3, 3, 5], [250, 5, 251], [1], []]:
        decoded.append({"ids": ids, "text": slow.decode(ids, skip_special_tokens=True)})
    differs = sum(1 for s in strings if plain.encode(s["text"]) + [1] != s["ids"])
    print(len(strings), "strings;", differs, "differ from sentencepiece")
    document = {"vocab": len(slow), "strings": strings, "special": special, "decoded": decoded}
    (HERE / "tokens.json").write_text(json.dumps(document, indent=0, ensure_ascii=True))


def buckets():
    relative = torch.arange(-200, 201)
    of = lambda bidirectional: T5Attention._relative_position_bucket(relative, bidirectional=bidirectional).tolist()
    (HERE / "buckets.json").write_text(json.dumps({"from": -200, "bidirectional": of(True), "causal": of(False)}))


def sampling():
    torch.manual_seed(3)
    logits = torch.randn(1, 60) * 3
    cases = []
    for temperature, top_k, top_p in [(1.0, 0, 1.0), (0.7, 0, 1.0), (1.5, 5, 1.0), (1.0, 0, 0.9), (0.7, 20, 0.8), (1.0, 1, 1.0), (1.0, 0, 0.01), (2.0, 100, 0.999)]:
        scores = TemperatureLogitsWarper(temperature)(None, logits) if temperature != 1.0 else logits
        scores = TopKLogitsWarper(top_k)(None, scores) if top_k else scores
        scores = TopPLogitsWarper(top_p)(None, scores) if top_p < 1.0 else scores
        cases.append({"temperature": temperature, "top_k": top_k, "top_p": top_p, "probabilities": scores.softmax(-1)[0].tolist()})
    (HERE / "sampling.json").write_text(json.dumps({"logits": logits[0].tolist(), "cases": cases}))


def model(kind: str, vocab: int):
    gated = kind == "gated"
    config = T5Config(
        vocab_size=vocab, d_model=32, d_kv=8, d_ff=64, num_layers=2, num_heads=4, decoder_start_token_id=0, dropout_rate=0.0,
        feed_forward_proj="gated-gelu" if gated else "relu", tie_word_embeddings=not gated,
    )
    # Seeds of which outputs vary and some end early.
    torch.manual_seed(38 if gated else 20)
    net = T5ForConditionalGeneration(config).eval()
    # Wider than the initialization, so that attention is sharp, and layers outweigh the token that comes in.
    with torch.no_grad():
        for name, p in net.named_parameters():
            if "layer_norm" in name:
                p.copy_(1.0 + 0.3 * torch.randn_like(p))
            elif "relative_attention_bias" in name or "shared" in name:
                p.copy_(torch.randn_like(p))
            elif "Attention.o." in name or "wo" in name:
                p.copy_(torch.randn_like(p) * p.shape[1] ** -0.5 * (3.0 if gated else 10.0))
            else:
                p.copy_(torch.randn_like(p) * p.shape[1] ** -0.5 * 1.3)
        if gated:
            net.lm_head.weight = torch.nn.Parameter(torch.randn(vocab, 32) * 0.7)
        head = net.lm_head.weight if gated else net.shared.weight
        head[1] *= 1.8
        if not gated:
            net.decoder.final_layer_norm.weight.mul_(5.0)
    return config, net


def record(kind: str, vocab: int):
    config, net = model(kind, vocab)
    folder = HERE / kind
    config.save_pretrained(folder)
    if kind == "gated":
        # As the published files of v1.1 have it; transformers 5 would write it as tied, but not scaled.
        written = json.loads((folder / "config.json").read_text())
        del written["scale_decoder_outputs"]
        written["tie_word_embeddings"] = False
        (folder / "config.json").write_text(json.dumps(written, indent=2) + "\n")
    tensors = {k: v.contiguous().clone() for k, v in net.state_dict().items() if "embed_tokens" not in k}
    if kind == "relu":
        del tensors["lm_head.weight"]
        save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    else:
        names = sorted(tensors)
        parts = {"model-00001-of-00002.safetensors": names[: len(names) // 2], "model-00002-of-00002.safetensors": names[len(names) // 2 :]}
        for file, part in parts.items():
            save_file({n: tensors[n] for n in part}, folder / file, metadata={"format": "pt"})
        size = sum(t.numel() * 4 for t in tensors.values())
        index = {"metadata": {"total_size": size}, "weight_map": {n: f for f, part in parts.items() for n in part}}
        (folder / "model.safetensors.index.json").write_text(json.dumps(index, indent=1))
    tokenizer = T5Tokenizer.from_pretrained(folder)
    texts = ["The house is wonderful.", "translate English to German: Where is the station, please? It is green.", "cat"]
    batch = tokenizer(texts, padding=True, return_tensors="pt")
    decoder = torch.tensor([[0, 17, 45, 9, 160], [0, 8, 8, 120, 33], [0, 299, 1, 0, 0]])
    with torch.no_grad():
        out = net(input_ids=batch.input_ids, attention_mask=batch.attention_mask, decoder_input_ids=decoder)
        greedy = net.generate(**batch, max_new_tokens=24)
        print(kind, "largest logit", out.logits.abs().max().item(), "distinct", [len(set(r)) for r in greedy.tolist()])
        print(greedy.tolist())
        beams = []
        for num_beams, length_penalty, new in [(4, 1.0, 24), (4, 0.0, 24), (4, 2.5, 24), (4, -1.0, 24), (2, 1.0, 6), (4, 1.0, 1), (5, 0.6, 40)]:
            found = net.generate(**batch, num_beams=num_beams, length_penalty=length_penalty, max_new_tokens=new, output_scores=True, return_dict_in_generate=True)
            beams.append({"num_beams": num_beams, "length_penalty": length_penalty, "max_new_tokens": new, "ids": found.sequences.tolist(), "scores": found.sequences_scores.tolist()})
            print(num_beams, length_penalty, found.sequences.tolist(), found.sequences_scores.tolist())
    document = {
        "input_ids": batch.input_ids.tolist(), "attention_mask": batch.attention_mask.tolist(), "texts": texts,
        "decoder_input_ids": decoder.tolist(), "logits": out.logits.flatten().tolist(),
        "greedy": greedy.tolist(), "translations": tokenizer.batch_decode(greedy, skip_special_tokens=True), "beams": beams,
        "encoder": out.encoder_last_hidden_state.flatten().tolist(),
    }
    (folder / "expected.json").write_text(json.dumps(document))
    for file in folder.iterdir():
        file.chmod(0o644)


def main():
    for kind in ("relu", "gated"):
        shutil.rmtree(HERE / kind, ignore_errors=True)
        (HERE / kind).mkdir()
    trained = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(SENTENCES * 4), model_writer=trained, vocab_size=300, model_type="unigram", character_coverage=0.9995,
        normalization_rule_name="nmt_nfkc", pad_id=0, eos_id=1, unk_id=2, bos_id=-1, hard_vocab_limit=False, num_threads=1, minloglevel=2,
    )
    pieces = sentencepiece.SentencePieceProcessor(model_proto=trained.getvalue()).get_piece_size()
    print(pieces, "pieces")
    tokenizers(trained.getvalue())
    buckets()
    sampling()
    for kind in ("relu", "gated"):
        record(kind, pieces + 100)


main()
