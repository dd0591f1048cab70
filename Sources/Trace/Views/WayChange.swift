/// What has changed between the ways of two packets that asked for the same: of a journey the lines that tell its way, and of two such
/// lists what went and what came.
public enum WayChange {
    /// A line a step, with the node's name; nothing in them changes from one probe to the next (ports that the kernel chose, times).
    public static func lines(of journey: Journey) -> [String] {
        let view = PathView(journey)
        var lines: [String] = []
        for leg in [journey.forward, journey.reply] {
            guard let leg else { continue }
            var ttl: Int?
            for step in leg.steps {
                guard let words = view.words(step, ttl: &ttl, isFirst: false) else { continue }
                let plain = words.drop { " ╬├└".contains($0) }
                let name = leg.direction == .reply ? "\(step.node) (answer)" : step.node
                lines.append("\(name): \(plain.split(separator: " ").map(String.init).joined(by: " "))")
            }
        }
        lines += view.ending()
        let ports = Set(
            [journey.forward, journey.reply].compactMap { $0?.steps.first?.l4 }.flatMap {
                [$0.sourcePort, $0.destinationPort]
            }.compactMap { $0 }
        ).filter { $0 >= 32768 }
        return lines.map { line in ports.reduce(line) { replaced(":\($1)", by: ":…", in: $0) } }
    }

    /// "- " before what went, "+ " before what came, in the order of the way; nothing of what is the same.
    public static func difference(from before: [String], to after: [String]) -> [String] {
        // How many lines the rests have in common at most.
        var common = [[Int]](repeating: [Int](repeating: 0, count: after.count + 1), count: before.count + 1)
        for old in before.indices.reversed() {
            for new in after.indices.reversed() {
                common[old][new] =
                    before[old] == after[new]
                    ? common[old + 1][new + 1] + 1 : max(common[old + 1][new], common[old][new + 1])
            }
        }
        var lines: [String] = []
        var (old, new) = (0, 0)
        while old < before.count || new < after.count {
            if old < before.count, new < after.count, before[old] == after[new] {
                (old, new) = (old + 1, new + 1)
            } else if new == after.count || old < before.count && common[old + 1][new] >= common[old][new + 1] {
                lines.append("- \(before[old])")
                old += 1
            } else {
                lines.append("+ \(after[new])")
                new += 1
            }
        }
        return lines
    }

    private static func replaced(_ word: String, by other: String, in line: String) -> String {
        var rest = Array(line.utf8)[...]
        let word = Array(word.utf8)
        var found: [UInt8] = []
        while let first = rest.first {
            if rest.starts(with: word) {
                found += Array(other.utf8)
                rest = rest.dropFirst(word.count)
            } else {
                found.append(first)
                rest = rest.dropFirst()
            }
        }
        return String(decoding: found, as: UTF8.self)
    }
}
