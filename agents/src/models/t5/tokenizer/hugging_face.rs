//! `tokenizer.json`, as the tokenizers library writes it.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Parts, SpecialTokens, unreachable};

/// The tokenizer in `bytes`, or what is wrong with them.
pub(super) fn read(bytes: &[u8], names: SpecialTokens) -> Result<Parts, String> {
    let mut document: Value = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    match document.pointer("/model/type").and_then(Value::as_str) {
        Some("Unigram") => {}
        Some(other) => return Err(format!("its model is {other}, and T5's is Unigram")),
        None => return Err("it has no model/type: no tokenizer of a Unigram model".into()),
    }
    let mut special = BTreeMap::new();
    for token in document.get("added_tokens").and_then(Value::as_array).into_iter().flatten() {
        let id = token["id"].as_u64().and_then(|id| u32::try_from(id).ok());
        if let (Some(id), Some(name), Some(true)) = (id, token["content"].as_str(), token["special"].as_bool()) {
            special.insert(id, name.to_string());
        }
    }
    if names == SpecialTokens::AsText {
        let vocab =
            document.pointer_mut("/model/vocab").and_then(Value::as_array_mut).ok_or("model/vocab is no list")?;
        for (id, name) in &special {
            if let Some(piece) = vocab.get_mut(*id as usize).and_then(|piece| piece.get_mut(0)) {
                *piece = json!(unreachable(name));
            }
        }
        if let Some(tokens) = document.get_mut("added_tokens").and_then(Value::as_array_mut) {
            tokens.retain(|token| token["special"] != true);
        }
    }
    // How long its inputs may be, and what is added to them, is not a file's to say here.
    document["truncation"] = Value::Null;
    document["padding"] = Value::Null;
    document["post_processor"] = Value::Null;
    let inner = serde_json::from_value(document).map_err(|error| error.to_string())?;
    Ok(Parts { inner, special })
}
