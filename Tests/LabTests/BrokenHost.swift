import TestSupport
import Testing

@testable import Lab

/// A repair that takes the symptom away, or seems to, and is none: what follows the solution's commands, or stands in their place.
struct WrongRepair: Sendable {
    var afterSolution = true
    let node: String
    let nft: String
    let iptables: String
    /// What the check says of it.
    let sentence: String

    init(on node: String = "host", nft: String, iptables: String, alone: Bool = false, _ sentence: String) {
        (self.node, self.nft, self.iptables, self.sentence) = (node, nft, iptables, sentence)
        afterSolution = !alone
    }

    /// The same in both languages.
    init(on node: String = "host", _ line: String, alone: Bool = false, _ sentence: String) {
        self.init(on: node, nft: line, iptables: line, alone: alone, sentence)
    }
}

/// A broken world with one cause, one language and one user.
struct BrokenCase: Sendable, CustomTestStringConvertible {
    let id: String
    let variant: Int
    let wrong: WrongRepair
    let backend: Backend
    let uid: Int
    var testDescription: String { "\(id) \(broken.variant(variant).name) \(backend) uid \(uid)" }
    var broken: BrokenWorld { BrokenWorlds.named(id)! }

    /// Each cause in both languages, as root in one of them and as nobody in the other.
    static func all(_ id: String, _ wrong: [WrongRepair]) -> [BrokenCase] {
        wrong.indices.flatMap { place in
            let languages: [Backend] = place % 2 == 0 ? [.nft, .iptables] : [.iptables, .nft]
            return zip(languages, [0, 65534]).map {
                BrokenCase(id: id, variant: place, wrong: wrong[place], backend: $0, uid: $1)
            }
        }
    }

    /// Red at first, green when its own solution is typed, red with a repair that is none.
    func run() async throws {
        try await PrivateHost.inTurn { host in
            let lab = try LabHost.learner(host, uid: uid)
            let variant = broken.variant(self.variant)
            let told = try lab.must("break", id, "--seed", "\(self.variant)", "--backend", backend.rawValue)
            host.expect(told.holds(broken.symptom), told)
            let first = try lab.must("check", exits: 1)
            host.expect(
                broken.symptoms.contains { first.holds("✗ \($0.what)") } && first.holds("The symptom is there."), first)
            for text in [told, first] { host.expect(!text.holds(String(variant.cause.prefix(30))), text) }
            let solved = try lab.must("solve")
            host.expect(
                solved.holds("The cause: \(variant.cause.prefix(20))") && solved.holds("(shown)\n    ✓ "), solved)
            if !wrong.afterSolution { try lab.must("reset") }
            try lab.type(wrong.node, backend == .nft ? wrong.nft : wrong.iptables)
            let second = try lab.must("check", exits: 1)
            host.expect(second.holds(wrong.sentence), "\"\(wrong.sentence)\" is not in:\n\(second)")
            try lab.must("stop")
        }
    }
}
