/// How far a word is from one that is known: for an error that tells what was meant.
public enum Spelling {
    /// How many letters are put in, left out or changed (Levenshtein), in bytes. Words of hundreds of bytes at most.
    public static func distance(_ left: String, _ right: String) -> Int {
        let (left, right) = (Array(left.utf8), Array(right.utf8))
        var row = Array(0...right.count)
        for (number, letter) in left.enumerated() {
            var before = row[0]
            row[0] = number + 1
            for column in right.indices {
                let changed = before + (letter == right[column] ? 0 : 1)
                before = row[column + 1]
                row[column + 1] = min(changed, row[column] + 1, before + 1)
            }
        }
        return row[right.count]
    }
}
