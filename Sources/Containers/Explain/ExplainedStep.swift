import Inspect
import NetPlan

/// One step of a container's way to its program: why, and the lines of a shell that do the same.
public struct ExplainedStep: Hashable, Sendable {
    /// A sentence without a full stop, on one line.
    public let why: String
    public let command: String
}

/// Steps in the order in which they happen.
struct Told {
    private(set) var steps: [ExplainedStep] = []

    mutating func step(_ why: String, _ commands: String...) { step(why, commands) }

    /// What has the reason of the step before belongs to it.
    mutating func step(_ why: String, _ commands: [String]) {
        guard !commands.isEmpty else { return }
        var step = ExplainedStep(why: Told.line(why), command: commands.joined(separator: "\n"))
        if let last = steps.last, last.why == step.why {
            step = ExplainedStep(why: step.why, command: last.command + "\n" + step.command)
            steps.removeLast()
        }
        steps.append(step)
    }

    mutating func add(_ planned: [PlanStep]) { for one in planned { step(one.why, one.commands) } }

    /// A reason is a comment of the script: what a name brings in must not end the line.
    private static func line(_ text: String) -> String {
        String(
            String.UnicodeScalarView(
                text.unicodeScalars.map { $0.value < 0x20 || (0x7f..<0xa0).contains($0.value) ? "?" : $0 }))
    }
}

/// The text as one word of a shell. Control characters, which an image's environment may have, do not reach a terminal as such.
func word(_ text: some CustomStringConvertible) -> String {
    let text = text.description
    let isControl = { (scalar: Unicode.Scalar) in
        scalar.value < 0x20 && scalar != "\n" && scalar != "\t" || (0x7f..<0xa0).contains(scalar.value)
    }
    guard text.unicodeScalars.contains(where: isControl) else { return ShellWriter.word(text) }
    var words = ""
    for part in text.unicodeScalars {
        if isControl(part) {
            let octal = String(part).utf8.map { "\\" + String(Int($0) + 0o1000, radix: 8).dropFirst() }.joined()
            words += "\"$(printf '\(octal)')\""
        } else {
            words += part == "'" ? "\\'" : "'\(part)'"
        }
    }
    return words
}

/// One write of a value to a file of the kernel's.
func echo(_ value: String, to file: String) -> String { "echo \(word(value)) > \(word(file))" }
