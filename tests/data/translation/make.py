"""Records BLEU and chrF of sacreBLEU for the tests of trainer/src/translation.

    pip install sacrebleu && python tests/data/translation/make.py
"""

import json
import pathlib

import sacrebleu

HERE = pathlib.Path(__file__).parent

REFERENCES = [
    "The house is wonderful, and the garden is green.",
    "He said: \"I don't know; ask me again tomorrow (or in 3 days).\"",
    "It costs $1,234.56 – or 5.000,00 € – on 2024-05-06.",
    "今天天气很好。我们去公园吧。",
    "Where is the state-of-the-art station...?",
    "L'école &amp; l'été &quot;naïf&quot; <b>…</b>",
    "short",
    "The cat sat on the mat and the rat sat on the hat.",
]
HYPOTHESES = [
    "The house is wonderful and the garden is very green.",
    "He said \"I do not know, ask me tomorrow (or in 3 days).\"",
    "It cost $1,234.56 or 5.000,00 € on 2024-05-06 .",
    "今天天气好。我们去公园。",
    "Where is the state of the art station ?",
    "L'école & l'été \"naïf\" <b>...</b>",
    "short",
    "The the the cat cat sat on on the mat.",
]
TOKENIZED = REFERENCES + HYPOTHESES + ["1,2 3. 4.5 a,b ,c .d", "a-b 1-2 3-x -4", "..a,, 1..2", "{x}~[y]`z`|@#%^*_+=\\/", "  spaced   out  ", "", "end.", "5.", ".5"]


def main():
    whole = list(range(len(REFERENCES)))
    subsets = [whole, [0], [3], [6], [7], [0, 1, 2], [6, 6], [2, 4, 5]]
    cases = []
    for subset in subsets:
        hypotheses, references = [HYPOTHESES[i] for i in subset], [REFERENCES[i] for i in subset]
        cases.append((hypotheses, references))
    cases += [([""], ["a reference"]), (["a text"], [""]), (["nothing alike"], ["quite other words here"]), (["xyz"], ["abc"]), (HYPOTHESES[::-1], REFERENCES)]
    recorded = []
    for hypotheses, references in cases:
        bleu = sacrebleu.corpus_bleu(hypotheses, [references])
        recorded.append(
            {
                "hypotheses": hypotheses, "references": references, "bleu": bleu.score, "precisions": bleu.precisions,
                "brevity_penalty": bleu.bp, "chrf": sacrebleu.corpus_chrf(hypotheses, [references]).score,
            }
        )
        print(bleu, recorded[-1]["chrf"])
    tokenize = sacrebleu.metrics.BLEU().tokenizer
    words = [{"text": text, "words": tokenize(text).split()} for text in TOKENIZED]
    document = {"sacrebleu": sacrebleu.__version__, "cases": recorded, "words": words}
    (HERE / "scores.json").write_text(json.dumps(document, indent=0))


main()
