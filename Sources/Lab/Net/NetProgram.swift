import Glibc
import NetCore

/// `berth net …`: what a lesson has typed, on a machine without ip, bridge, sysctl, nft, iptables, conntrack, ping, curl or a server. It
/// takes the words of these, so that what is learned carries over, and after a change it prints the command that does the same.
public enum NetProgram {
    public static let usage = """
        usage: berth net [--quiet] VERB…   in a node of the lab
          link, address, route, neigh          as ip has them: show, add, set, del, flush, get
          bridge link, bridge fdb              as bridge has them
          sysctl KEY, sysctl KEY=VALUE         parameters below net
          masquerade NETWORK [not out LINK]    what comes from there leaves with this node's address
          publish PORT[/udp] to ADDRESS:PORT   a port of this node is another's; a node's name will do
          accept published, accept established what may pass the forward gate
          policy forward drop                  what becomes of the rest; also input and output, and accept
          rules                                what these have made, with numbers
          remove NUMBER, remove publish PORT, remove all
          conntrack -L, conntrack -D           flows that are tracked, as conntrack has it
          ping, get, serve, ss                 one echo, one request by HTTP, a server, who listens
        The words of each: berth net VERB help

        """

    /// The forms in which a verb is written.
    public static func forms(_ verb: String) -> [String] { NetVerb.named(verb)?.forms ?? [] }

    /// The exit code. The process must have one thread, and none of its streams is closed.
    public static func run(_ words: [String]) -> Int32 {
        var rest = words[...]
        var call = NetCall()
        while let word = rest.first, word.hasPrefix("-") {
            switch word {
            case "--quiet", "-q": call.isQuiet = true
            case "-4": call.family = .v4
            case "-6": call.family = .v6
            default: return refuse("\(word) is no option of berth net\n\n\(usage)")
            }
            rest = rest.dropFirst()
        }
        if rest.contains("--quiet") {
            call.isQuiet = true
            rest.removeAll { $0 == "--quiet" }
        }
        guard let name = rest.first else { return refuse(usage) }
        if name == "help" {
            call.say(usage.dropLast())
            return 0
        }
        guard let verb = NetVerb.named(name) else {
            let near = NetVerb.all.map { ($0.name, Spelling.distance(name, $0.name)) }.min { $0.1 < $1.1 }
            let meant = near.flatMap { $0.1 <= 2 ? ": did you mean \($0.0)?" : nil } ?? ""
            return refuse("berth: berth net has no verb \(name)\(meant)\n\n\(usage)")
        }
        if rest.dropFirst() == ["help"] {
            call.say("usage: \(verb.forms.joined(by: "\n       "))")
            return 0
        }
        do throws(LabError) {
            var words = NetWords(verb, rest.dropFirst())
            let code = try verb.run(&words, call)
            fflush(nil)
            return code
        } catch {
            fflush(nil)
            _ = write(STDERR_FILENO, error.description, error.description.utf8.count)
            return error.exitCode
        }
    }

    private static func refuse(_ text: String) -> Int32 {
        _ = write(STDERR_FILENO, text, text.utf8.count)
        return 2
    }
}

/// A verb of `berth net`, with the forms in which it is written.
struct NetVerb: Sendable {
    let name: String
    let forms: [String]
    let run: @Sendable (inout NetWords, NetCall) throws(LabError) -> Int32

    static let all: [NetVerb] = [
        NetLink.verb, NetAddress.verb, NetRoute.verb, NetNeighbour.verb, NetBridge.verb, NetSysctl.verb,
        NetRules.masquerade, NetRules.publish, NetRules.accept, NetRules.policy, NetRules.rules, NetRules.remove,
        NetConntrack.verb, NetPing.verb, NetGet.verb, NetServe.verb, NetSockets.verb,
    ]

    /// By its name, or as `ip` lets it be shortened: a, addr, l, r, n.
    static func named(_ word: String) -> NetVerb? {
        if let exact = all.first(where: { $0.name == word }) { return exact }
        let short = ["l": "link", "a": "address", "addr": "address", "r": "route", "n": "neigh", "neighbour": "neigh"]
        return short[word].flatMap { name in all.first { $0.name == name } }
    }
}

/// How one call is to be answered.
struct NetCall {
    var isQuiet = false
    var family = AddressFamily.v4

    func say(_ line: some StringProtocol) { print(line) }

    /// After a change: what does the same by hand; each list is one way.
    func same(_ ways: [String]...) {
        guard !isQuiet else { return }
        for (place, way) in ways.filter({ !$0.isEmpty }).enumerated() {
            for (line, command) in way.enumerated() {
                print((line > 0 ? "         " : place == 0 ? "same as: " : "or:      ") + command)
            }
        }
    }
}
