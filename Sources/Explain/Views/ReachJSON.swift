import JSON
import NetCore

extension ReachAnswer {
    /// As docs/explain.md describes it; what is not known has no key.
    public var json: JSON {
        var object: JSONObject = [
            "v": .integer(1), "from": .string(question.stranger.map { "\($0)" } ?? question.source),
            "to": .string(Packet.endpoint(question.address, question.port)), "verdict": .string(verdict.rawValue),
            "exit": .integer(Int64(exitCode)),
        ]
        object["legs"] = .array(
            ends.indices.map { index in
                let steps = legs.indices.contains(index) ? legs[index] : []
                return [
                    "dir": .string(index == 0 ? "forward" : "reply"), "steps": .array(steps.map(\.json)),
                    "end": ends[index].json,
                ]
            })
        if let source = seenSource { object["seen_source"] = .string("\(source)") }
        if let rewriter { object["rewriter"] = .string(rewriter) }
        if let proxy {
            object["proxy"] = [
                "program": .string(proxy.program), "pid": .integer(Int64(proxy.pid)),
                "target": .string(Packet.endpoint(proxy.target, proxy.port)),
                "source": proxy.source.map { .string("\($0)") } ?? .null,
            ]
        }
        if let passedGate { object["passed_gate"] = .string(passedGate) }
        if !depends.isEmpty {
            object["depends"] = .array(
                depends.map { ["on": .string($0.on), "otherwise": .string($0.otherwise.rawValue)] })
        }
        return .object(object)
    }
}

extension Step {
    fileprivate var json: JSON {
        ["ns": .string(node), "kind": .string(kind.rawValue), "text": .string(words)]
    }
}

extension End {
    fileprivate var json: JSON {
        var object: JSONObject = ["kind": .string(kind.rawValue), "ns": .string(node)]
        if let at { object["at"] = .string(at) }
        if !reason.isEmpty { object["reason"] = .string(reason) }
        if !fixes.isEmpty { object["fixes"] = .array(fixes.map { .string($0) }) }
        if let lesson { object["lesson"] = .string(lesson) }
        if let socket { object["socket"] = .string(socket) }
        return .object(object)
    }
}
