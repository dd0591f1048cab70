import Glibc
import JSON
import NetCore
import Synchronization

/// What the page may ask to be done: each is what a command of `berth` does, done by that command.
final class Desk: Sendable {
    /// An answer: a status of HTTP, and JSON.
    struct Answer: Sendable {
        var status: Int
        var bytes: [UInt8]

        init(_ status: Int, _ bytes: [UInt8]) { (self.status, self.bytes) = (status, bytes) }
        static func error(_ status: Int, _ words: String, fix: String) -> Answer {
            Answer(status, JSON.object(["error": .string(words), "fix": .string(fix)]).bytes)
        }
    }

    private let hub: Hub
    private let eye: EyeProcess
    private let isProbing = Mutex(false)
    private let isAsking = Mutex(false)

    init(_ hub: Hub, _ eye: EyeProcess) { (self.hub, self.eye) = (hub, eye) }

    private static let busy = Answer.error(429, "one is being done just now", fix: "wait for its end, and try again")

    /// The body, unless one of its kind is under way.
    private func alone(_ flag: borrowing Mutex<Bool>, _ body: () -> Answer) -> Answer {
        let isFree = flag.withLock { isTaken in
            defer { isTaken = true }
            return !isTaken
        }
        guard isFree else { return Desk.busy }
        defer { flag.withLock { $0 = false } }
        return body()
    }

    // MARK: packets

    /// Sends a packet as `berth trace` does, and gives its journey.
    func probe(_ body: [UInt8]) -> Answer {
        guard let state = hub.decoded else { return Desk.notYet }
        guard state["allowed"]?["probe"]?.bool == true else {
            return state["problem"]?.object != nil
                ? .error(404, "there is nothing to send a packet in", fix: "start a lab: berth lab start 01")
                : .error(
                    403, "this page only looks: it sends no packets in this host's network",
                    fix: "start it so that it may: berth view --host --allow-probe")
        }
        let wish: (source: String, target: String)
        switch Desk.wish(body, hub.nodes.map(\.name)) {
        case .failure(let refusal): return .error(400, refusal.words, fix: refusal.fix)
        case .success(let found): wish = found
        }
        let isLab = state["kind"]?.string == "lab"
        var words = ["trace", "send", "from", isLab ? "lab:\(wish.source)" : wish.source, "to", wish.target]
        if !isLab { words += hub.nodes.flatMap { ["--node", "\($0.name)=\($0.path)"] } }
        words += ["--view", "json"]
        return alone(isProbing) { send(words, wish) }
    }

    private func send(_ words: [String], _ wish: (source: String, target: String)) -> Answer {
        let what = "cannot send a packet from \(wish.source) to \(wish.target)"
        do throws(KernelError) {
            let outcome = try Background.child(words, seconds: 20).run()
            guard let code = outcome.exitStatus, code != 125, let json = try? JSON(parsing: outcome.output) else {
                let (cause, fix) = Desk.told(outcome.errors)
                return .error(500, "\(what): \(cause)", fix: fix)
            }
            let bytes = json.bytes
            hub.tell("journey", bytes)
            eye.say(.journey)
            return Answer(200, bytes)
        } catch {
            return .error(500, "\(what): \(error)", fix: "see what the kernel says of it: dmesg")
        }
    }

    struct Refusal: Error { let words: String, fix: String }

    /// The wished packet, of nodes that there are.
    static func wish(_ body: [UInt8], _ nodes: [String]) -> Result<(source: String, target: String), Refusal> {
        let form = "send {\"from\":\"client\",\"to\":\"198.51.100.2\",\"port\":8080,\"proto\":\"tcp\"}"
        guard let json = try? JSON(parsing: body), let source = json["from"]?.string, let to = json["to"]?.string else {
            return .failure(Refusal(words: "the wish for a packet cannot be read", fix: form))
        }
        guard nodes.contains(source) else {
            return .failure(
                Refusal(words: "there is no node called \(source)", fix: "take one of these: \(nodes.joined(by: ", "))")
            )
        }
        guard let address = IPAddress(to) else {
            return .failure(Refusal(words: "\(to) is no address", fix: "write one, as 198.51.100.2 or 2001:db8::1"))
        }
        let proto = json["proto"]?.string ?? "tcp"
        if proto == "icmp" { return .success((source, "\(address)/icmp")) }
        guard ["tcp", "udp"].contains(proto) else {
            return .failure(Refusal(words: "\(proto) is not sent", fix: "take tcp, udp or icmp"))
        }
        guard let port = json["port"]?.integer.flatMap({ UInt16(exactly: $0) }), port > 0 else {
            return .failure(Refusal(words: "the port is missing, or none", fix: "write a number from 1 to 65535"))
        }
        let host = address.family == .v6 ? "[\(address)]" : "\(address)"
        return .success((source, "\(host):\(port)/\(proto)"))
    }

    /// What a command of berth wrote to standard error: why, and how to mend it.
    private static func told(_ errors: [UInt8]) -> (cause: String, fix: String) {
        let lines = String(decoding: errors, as: UTF8.self).split(separator: "\n").map(String.init)
        let fix = lines.first { $0.hasPrefix("  fix: ") }.map { String($0.dropFirst(7)) }
        let rest = lines.filter { !$0.hasPrefix("  fix: ") }.map { $0.drop { $0 == " " } }.map(String.init)
        return (rest.prefix(3).joined(separator: " "), fix ?? "try it in a terminal: berth trace")
    }

    // MARK: the lesson

    /// `check`, `hint` or `undo`.
    func lab(_ word: String) -> Answer {
        guard let state = hub.decoded else { return Desk.notYet }
        guard state["kind"]?.string == "lab" else {
            return .error(
                403, "this page only looks: it shows this host, and no lab",
                fix: "start a lesson with its page: berth lab start next --view web")
        }
        guard word == "undo" || state["allowed"]?["lab"]?.bool == true else {
            return .error(404, "no lesson is running", fix: "start one: berth lab start next")
        }
        return alone(isAsking) { ask(word) }
    }

    private func ask(_ word: String) -> Answer {
        do throws(KernelError) {
            let outcome = try Background.child(["view-lab", word], seconds: 90).run()
            guard outcome.exitStatus == 0, let json = try? JSON(parsing: outcome.output) else {
                let (cause, fix) = Desk.told(outcome.errors)
                return .error(500, "cannot \(word): \(cause)", fix: fix)
            }
            if let status = json["status"]?.integer {
                return .error(Int(status), json["error"]?.string ?? "", fix: json["fix"]?.string ?? "")
            }
            guard let check = json["check"] else { return Answer(200, json.bytes) }
            return checked(check, json["text"] ?? .null)
        } catch {
            return .error(500, "cannot \(word): \(error)", fix: "see what the kernel says of it: dmesg")
        }
    }

    /// The eye makes tasks of what was seen; who asked gets them, too.
    private func checked(_ check: JSON, _ text: JSON) -> Answer {
        let bytes = hub.answer(within: 3000) { eye.say(.check(check)) }
        let tasks = bytes.flatMap { try? JSON(parsing: $0) } ?? .array([])
        return Answer(
            200, JSON.object(["tasks": tasks, "text": text, "passed": check["passed"] ?? .bool(false)]).bytes)
    }

    // MARK: flows

    func forget(_ body: [UInt8]) -> Answer {
        guard let state = hub.decoded else { return Desk.notYet }
        guard state["kind"]?.string == "lab", state["allowed"]?["probe"]?.bool == true else {
            return .error(
                403, "this page only looks: it forgets no flow of this host",
                fix: "do it in a terminal: berth conntrack flush")
        }
        // As JSON, or as it is.
        let text = String(decoding: body, as: UTF8.self)
        let id = (try? JSON(parsing: body)).flatMap { $0.string ?? $0["id"]?.string } ?? text
        return alone(isAsking) {
            guard let bytes = hub.answer(within: 3000, { eye.say(.forget(id)) }), let json = try? JSON(parsing: bytes)
            else { return .error(500, "cannot forget the flow: nobody answers", fix: "try it again") }
            guard let status = json["status"]?.integer else { return Answer(200, bytes) }
            return .error(Int(status), json["error"]?.string ?? "", fix: json["fix"]?.string ?? "")
        }
    }

    static let notYet = Answer.error(503, "nothing has been looked at yet", fix: "ask again in a second")
}
