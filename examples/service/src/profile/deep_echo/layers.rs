//! How a text fades: each layer is the second half of the words of the one before.

/// At most `depth` layers, the text itself first; the last one is a single word.
pub(super) fn layers(text: &str, depth: u32) -> Vec<String> {
    let mut words: Vec<&str> = text.split_whitespace().collect();
    let mut layers = Vec::new();
    for _ in 0..depth {
        layers.push(words.join(" "));
        if words.len() <= 1 {
            break;
        }
        words.drain(..words.len() / 2);
    }
    layers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_layer_is_the_tail_of_the_one_before() {
        let text = "is anybody  there below";
        let all = ["is anybody there below", "there below", "below"];
        assert_eq!(layers(text, 9), all);
        assert_eq!(layers(text, 2), all[..2]);
        assert_eq!(layers("", 3), [""]);
    }
}
