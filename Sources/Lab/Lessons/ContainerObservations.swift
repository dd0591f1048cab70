import Glibc
import JSON
import NetCore

/// Observations of containers: what their daemon says of them, and what the kernel has of them.
extension Observation {
    /// A container that runs, and what is seen of it.
    static func running(
        _ name: String, _ what: String, _ expected: String,
        _ sight: @escaping @Sendable (Look, ContainerView) throws(LabError) -> (Bool, String)
    ) -> Observation {
        Observation("container \(name): \(what)", expected) { look throws(LabError) in
            guard let view = try look.container(name) else {
                return Sight(false, "there is no container called \(name)")
            }
            guard view.isRunning else { return Sight(false, "\(name) \(view.standing)") }
            let (isMet, seen) = try sight(look, view)
            return Sight(isMet, seen)
        }
    }

    /// A container that has ended, and how.
    static func ended(
        _ name: String, _ expected: String, _ isMet: @escaping @Sendable (ContainerView) -> Bool
    ) -> Observation {
        Observation("container \(name): its end (berth inspect)", expected) { look throws(LabError) in
            guard let view = try look.container(name) else {
                return Sight(false, "there is no container called \(name)")
            }
            return Sight(!view.isRunning && isMet(view), "\(name) \(view.standing)")
        }
    }

    /// No container of that name is there.
    static func removed(_ names: String...) -> Observation {
        Observation("containers \(names.joined(separator: ", "))", "none of them is there any more") {
            look throws(LabError) in
            var left: [String] = []
            for name in names where try look.container(name) != nil { left.append(name) }
            return Sight(left.isEmpty, left.isEmpty ? "gone" : "still there: \(left.joined(separator: ", "))")
        }
    }

    /// Its network is the node's, or is not.
    static func network(_ name: String, isOf node: String, _ wanted: Bool) -> Observation {
        running(
            name, "its network (/proc/PID/ns/net)",
            wanted ? "the very namespace of \(node)" : "a namespace of its own, other than \(node)'s"
        ) { look, view throws(LabError) in
            let (own, theirs) = (view.link("ns/net"), try look.namespace(node, "net"))
            guard let own, let theirs else { return (false, "it cannot be read") }
            return ((own == theirs) == wanted, "\(own); \(node) has \(theirs)")
        }
    }

    /// The learner's answer, of a container: the truth, or nil and why not.
    static func toldOf(
        _ name: String, _ fact: String, _ truth: @escaping @Sendable (Look, ContainerView) throws(LabError) -> String?
    ) -> Observation {
        told(fact, name) { look throws(LabError) in
            guard let view = try look.container(name) else { return (nil, "there is no container of that name", nil) }
            return (try truth(look, view), "\(name) \(view.standing)", nil)
        }
    }

    /// The kernel holds the container's memory to so many MiB.
    static func memory(_ name: String, mebibytes: Int64) -> Observation {
        running(
            name, "memory.limit_in_bytes (v1), memory.max (v2) of its control group", "\(mebibytes << 20) bytes"
        ) { _, view in
            let limit = view.memoryLimit()
            return (limit == mebibytes << 20, limit.map { "\($0) bytes" } ?? "no limit")
        }
    }

    /// It runs no more than that part of one processor, in thousandths, and waits for its next share, while it would like to run.
    static func throttled(_ name: String, thousandths: Int64) -> Observation {
        running(
            name, "half a second of it (/proc/PID/schedstat, cpu.stat)",
            "busy at most \(thousandths / 10) % of one processor, and held back (nr_throttled rises)"
        ) { _, view in
            guard let (before, waits) = view.runtime.flatMap({ time in view.throttled.map { (time, $0) } }) else {
                return (false, "its control group counts nothing: it has no limit of processors")
            }
            let start = Look.milliseconds()
            usleep(500_000)
            let elapsed = Int64(max(1, Look.milliseconds() - start))
            let part = ((view.runtime ?? before) - before) / 1000 / elapsed
            let more = (view.throttled ?? waits) - waits
            // A period may begin within the time and one end after it.
            return (
                part <= thousandths + thousandths / 2 && more > 0,
                "busy \(part / 10) % of one processor, held back \(more) times"
            )
        }
    }

    /// A file that a container has changed, made or taken away in its root, and how the other sees it.
    static func change(_ name: String, _ path: String, _ kind: Int64?) -> Observation {
        let words: [Int64?: String] = [nil: "as in the image", 0: "changed", 1: "new", 2: "gone"]
        return running(name, "\(path) (berth diff \(name))", words[kind] ?? "") { look, _ throws(LabError) in
            let found = try look.changes(name)[path]
            return (found == kind, words[found] ?? "otherwise")
        }
    }
}

/// What is drawn of containers beside tasks.
extension Shown {
    /// A row: what it is, and how a container has it.
    struct Fact: Sendable {
        let name: String
        let read: @Sendable (ContainerView) -> String

        init(_ name: String, _ read: @escaping @Sendable (ContainerView) -> String) {
            (self.name, self.read) = (name, read)
        }
    }

    /// Containers side by side: a row a fact.
    static func sideBySide(_ names: [String], _ facts: [Fact]) -> Shown {
        Shown("\(names.joined(separator: " and ")) side by side") { look throws(LabError) in
            var views: [ContainerView] = []
            for name in names {
                if let view = try look.container(name) { views.append(view) }
            }
            return aligned(
                [[""] + views.map(\.name)] + facts.map { fact in [fact.name] + views.map { fact.read($0) } })
        }
    }
}
