/// One lesson as a value: the program runs it, and its page (docs/lab) is made from it.
public struct Lesson: Sendable {
    /// "07": what `berth lab start` takes, and the name of its world.
    public let id: String
    public let title: String
    public let minutes: Int
    /// What becomes true, in a sentence.
    public let goal: String
    public let world: WorldDescription
    /// What listens in the nodes.
    public let services: [Service]
    /// Brings the world to where the lesson begins.
    public let start: Both
    public let tasks: [LessonTask]
    /// What the kernel did, told at the end.
    public let kernel: String
    /// Of a broken world.
    public var trouble: Trouble?
    /// Its containers are real ones, which root alone can make.
    public var needsRoot: Bool { world.hasContainers }

    public struct Service: Hashable, Sendable {
        public let node: String
        /// Where it listens, or from where it speaks.
        public let port: UInt16
        public var kind = Kind.tcp

        public enum Kind: Hashable, Sendable {
            case tcp, udp
            /// A datagram a second, from one socket.
            case says(to: String, port: UInt16)
        }

        /// What `lab-serve` takes after node and port.
        var words: [String] {
            switch kind {
            case .tcp: []
            case .udp: ["udp"]
            case .says(let target, let port): ["says", target, "\(port)"]
            }
        }

        /// A sentence.
        var text: String {
            switch kind {
            case .tcp: "In \(node) a server listens on port \(port); it tells whom it sees."
            case .udp: "In \(node) a server takes UDP at port \(port); it tells whom it sees."
            case .says(let target, let other):
                "In \(node) a program sends a datagram to \(target):\(other) every second, from port \(port)."
            }
        }
    }
}

/// In which language the lesson makes rules: one of the kernel's two, or that of `berth net`. Checks accept any.
public enum Backend: String, Hashable, Sendable, CaseIterable {
    case nft, iptables
    /// For a machine that has neither program; lessons 01 to 07.
    case net

    /// The kernel's two, which every lesson speaks.
    public static let allCases: [Backend] = [.nft, .iptables]
}

/// Commands for both.
public struct Both: Hashable, Sendable {
    public let nft: [LessonCommand]
    public let iptables: [LessonCommand]
    /// Ways of our own to the same, beside rules in either language.
    public let or: [LessonCommand]

    init(nft: [LessonCommand], iptables: [LessonCommand], or: [LessonCommand] = []) {
        (self.nft, self.iptables, self.or) = (nft, iptables, or)
    }
    init(_ either: LessonCommand..., or: [LessonCommand] = []) { (nft, iptables, self.or) = (either, either, or) }

    /// Each rule of iptables has its equivalent beside it.
    public subscript(backend: Backend) -> [LessonCommand] { backend == .nft ? nft : iptables }
}

public struct LessonCommand: Hashable, Sendable {
    public let node: String
    /// As typed in a shell of the node.
    public let line: String
    /// Why, in a sentence; empty where the line before says it.
    public let reason: String
    /// The same by `berth net`, where its words are others.
    let net: String?

    init(_ node: String, _ line: String, _ reason: String = "", net: String? = nil) {
        (self.node, self.line, self.reason, self.net) = (node, line, reason, net)
    }

    /// As typed outside the world.
    public var outside: String {
        let isPlain = line.utf8.allSatisfy {
            (0x30...0x39).contains($0) || (0x41...0x5a).contains($0) || (0x61...0x7a).contains($0)
                || " -_./:,=".utf8.contains($0)
        }
        let words =
            isPlain
            ? line
            : "sh -c '\(line.split(separator: "'", omittingEmptySubsequences: false).map(String.init).joined(by: "'\\''"))'"
        return "berth lab exec \(node) -- \(words)"
    }
}

/// One step of a lesson: what to do, how it is seen to be done, and help.
public struct LessonTask: Sendable {
    public let title: String
    public let text: String
    public let question: Question?
    /// The first two hints: where to look, and the idea. The third is the solution's commands.
    public let look: String
    public let idea: String
    public let solution: Both
    public let checks: [Observation]
    /// Passed over where the kernel has not loaded br_netfilter.
    let needsBridgeFilter: Bool
    /// Passed over where this machine gives containers no such controller, by its name in control groups v2.
    let needsController: String?
    /// What is shown beside it once it is done.
    let shows: Shown?

    init(
        _ title: String, _ text: String, question: Question? = nil, look: String, idea: String,
        solution: Both = Both(), checks: [Observation], needsBridgeFilter: Bool = false,
        needsController: String? = nil, shows: Shown? = nil
    ) {
        self.needsController = needsController
        self.shows = shows
        self.needsBridgeFilter = needsBridgeFilter
        (self.title, self.text, self.question, self.look, self.idea) = (title, text, question, look, idea)
        (self.solution, self.checks) = (solution, checks)
    }
}

extension LessonTask {
    /// Why it is passed over on this machine; nil where it is not.
    var passedOver: [String]? {
        if needsBridgeFilter, !BridgeFilter.isHere { return BridgeFilter.passedOver }
        if let needsController { return Controllers.passedOver(without: needsController) }
        return nil
    }
}

/// What the learner says before the kernel does.
public struct Question: Hashable, Sendable {
    public let text: String
    /// Named a, b, c …; the text of one is the answer. None where the answer is to be written out.
    public let choices: [String]
    /// What `solve` answers. A check does not read it: it compares with what the packet shows.
    public let answer: String
    public let form: AnswerForm

    init(_ text: String, _ choices: [String], answer: String) {
        (self.text, self.choices, self.answer, form) = (text, choices, answer, .letter)
    }

    /// One without choices.
    init(_ text: String, writing form: AnswerForm, answer: String) {
        (self.text, choices, self.answer, self.form) = (text, [], answer, form)
    }

    /// Stands for an answer where the learner gave none and goes on.
    public static let skipped = ""

    /// The answer that a letter, a choice's text or what is written out means; nil for anything else.
    public func choice(_ said: String) -> String? {
        if form != .letter { return form.read(said) }
        let said = said.lowercased()
        if let place = choices.firstIndex(where: { $0.lowercased() == said }) { return choices[place] }
        guard said.utf8.count == 1, let letter = said.utf8.first, letter >= 0x61, Int(letter) - 0x61 < choices.count
        else { return nil }
        return choices[Int(letter) - 0x61]
    }

    public var lines: [String] {
        [text] + (form == .letter ? [] : ["  \(form.words)"])
            + zip(choices.indices, choices).map { "  \(String(decoding: [UInt8(0x61 + $0)], as: UTF8.self)) \($1)" }
    }
}

extension Both {
    /// Port 8080 of host is web's port 80, for who asks from outside.
    static let published = Both(
        nft: [
            LessonCommand("host", "nft add table ip lab"),
            LessonCommand("host", "nft 'add chain ip lab prerouting { type nat hook prerouting priority -100; }'"),
            LessonCommand(
                "host", "nft add rule ip lab prerouting fib daddr type local tcp dport 8080 dnat to 10.88.0.2:80",
                "port 8080 of host is web's port 80"),
        ],
        iptables: [
            LessonCommand(
                "host",
                "iptables -t nat -A PREROUTING -m addrtype --dst-type LOCAL -p tcp --dport 8080 "
                    + "-j DNAT --to-destination 10.88.0.2:80", "port 8080 of host is web's port 80")
        ])
}
