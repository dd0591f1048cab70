import Glibc

/// Which of the programs that lessons have typed this machine has.
public struct Tools: Hashable, Sendable {
    /// Those that `berth net` stands in for, and what is typed instead of each.
    static let all: [(name: String, net: String)] = [
        ("ip", "berth net"), ("bridge", "berth net bridge"), ("sysctl", "berth net sysctl"),
        ("ping", "berth net ping"), ("curl", "berth net get"), ("conntrack", "berth net conntrack"),
        ("ss", "berth net ss"), ("python3", "berth net serve"), ("grep", ""),
    ]
    public let missing: Set<String>
    private static var names: [String] { all.map(\.name) + ["nft", "iptables", "ip6tables"] }

    /// As PATH leads to them.
    public static var here: Tools {
        Tools(missing: Set(names.filter { !isHere($0) }))
    }
    /// A machine that has none.
    public static let none = Tools(missing: Set(names))

    static func isHere(_ name: String) -> Bool {
        let path = getenv("PATH").map { String(cString: $0) } ?? "/usr/sbin:/usr/bin:/sbin:/bin"
        return path.split(separator: ":").contains { access("\($0)/\(name)", X_OK) == 0 }
    }
}

/// The same by `berth net`, whose words are those of the programs that it stands in for.
enum Equivalents {
    /// The line with `berth net` in the place of programs that are missing; nil where it has nothing for one of them.
    static func line(_ line: String, without missing: Set<String>) -> String? {
        // The one filter that lessons write behind a pipe is a word of the verb before it.
        var text = line
        if missing.contains("grep") || missing.contains("bridge") {
            text = replaced(text, " | grep -v permanent", by: " dynamic")
        }
        var out = ""
        var word = ""
        var (quote, isCommand): (Character?, Bool) = (nil, true)
        /// Behind `ip`: its object.
        var awaitsObject = false
        for character in text + "\n" {
            if let open = quote {
                word.append(character)
                if character == open { quote = nil }
                continue
            }
            if character == "'" || character == "\"" { quote = character }
            guard " ;|&()\n".contains(character) else {
                word.append(character)
                continue
            }
            if !word.isEmpty {
                if awaitsObject {
                    guard objects.contains(word) else { return nil }
                    awaitsObject = false
                    out += word
                } else if isCommand, missing.contains(word) {
                    guard let tool = Tools.all.first(where: { $0.name == word }), !tool.net.isEmpty, word != "python3"
                    else { return nil }
                    awaitsObject = word == "ip"
                    out += tool.net
                } else {
                    out += word
                }
                isCommand = isCommand && openers.contains(word)
                word = ""
            }
            if ";|&(\n".contains(character) { isCommand = true }
            out.append(character)
        }
        return String(out.dropLast())
    }

    /// What `ip` has that `berth net` has too, as lessons write it.
    private static let objects = ["link", "address", "route", "neigh"]
    /// Words of the shell behind which a command begins.
    private static let openers = ["do", "then", "else", "exec", "!", "{", "while", "if"]

    private static func replaced(_ text: String, _ part: String, by other: String) -> String {
        var (out, rest) = ("", text[...])
        while !rest.isEmpty {
            if rest.hasPrefix(part) {
                out += other
                rest = rest.dropFirst(part.count)
            } else {
                out.append(rest.removeFirst())
            }
        }
        return out
    }

    /// A sentence for a text that speaks of programs that are missing; nil when it speaks of none.
    static func note(_ text: String, _ tools: Tools, _ backend: Backend) -> String? {
        let words = Set(
            text.split { !($0.isLetter || $0.isNumber || $0 == "-") }.map(String.init))
        var named = Tools.all.filter { !$0.net.isEmpty && words.contains($0.name) && tools.missing.contains($0.name) }
        if backend == .net, words.contains("nft") || words.contains("iptables") {
            named.append(("nft", "berth net rules"))
        }
        guard !named.isEmpty else { return nil }
        return "Here without \(named.map(\.name).joined(by: ", ")): \(named.map(\.net).joined(by: ", "))."
    }
}

extension LessonCommand {
    /// As typed on a machine with these programs; rules in that language. Nil where there is nothing to type it with.
    func typed(_ backend: Backend, _ tools: Tools) -> String? {
        let missing = tools.missing.subtracting(backend == .net ? [] : [backend.rawValue])
        guard let plain = Equivalents.line(line, without: missing) else { return net }
        // Where rules are made, and where a program is stood in for whose words are others.
        if backend == .net, let net, line.hasPrefix("iptables ") { return net }
        return plain
    }

    /// As one of several ways.
    var otherwise: String { "\(node) ▸ \(line)\(reason.isEmpty ? "" : "    # \(reason)")" }

    /// The same, as it is typed there; what nothing stands in for stays as it is.
    func here(_ backend: Backend, _ tools: Tools = .here) -> LessonCommand {
        LessonCommand(node, typed(backend, tools) ?? line, reason, net: net)
    }
}

extension Lesson {
    /// `berth net` can do all that it has typed.
    public var speaksNet: Bool {
        let all = tasks.map(\.solution) + [start]
        return all.allSatisfy { both in both[.net].allSatisfy { $0.typed(.net, .none) != nil } }
    }
}
