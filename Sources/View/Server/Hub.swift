import Glibc
import JSON
import NetCore
import Synchronization

/// What is known of what is looked at, for all who ask: the newest state, those of the timeline's entries, and who wants to hear of
/// the next.
final class Hub: Sendable {
    /// Somebody who listens: a name and JSON. Called from the thread that reads the eye.
    typealias Listener = @Sendable (_ name: String, _ bytes: [UInt8]) -> Void

    private struct State {
        var state: [UInt8]?
        /// By the newest entry of their timeline.
        var history: [(key: Int, bytes: [UInt8])] = []
        var historyBytes = 0
        /// Entries up to this one are too old.
        var forgotten = 0
        var nodes: [(name: String, path: String)] = []
        var listeners: [UInt64: Listener] = [:]
        var next: UInt64 = 0
        var answer: [UInt8]?
    }
    private let state = Mutex(State())
    /// States that are kept for the timeline.
    private static let mostKept = 120
    private static let mostBytes = 24 << 20
    static let mostListeners = 16

    func take(_ frame: Frame) {
        let listeners: [Listener] = state.withLock { state in
            switch frame.name {
            case .state, .keep:
                state.state = frame.bytes
                Hub.keep(frame, &state)
                return frame.name == .state ? Array(state.listeners.values) : []
            case .task, .conntrack: return Array(state.listeners.values)
            case .answer: state.answer = frame.bytes
            case .nodes: state.nodes = Hub.nodes(frame.bytes)
            case .lesson: break
            }
            return []
        }
        for listener in listeners { listener(frame.name.rawValue, frame.bytes) }
    }

    private static func keep(_ frame: Frame, _ state: inout State) {
        guard frame.key > 0 else { return }
        // The eye begins to count anew.
        if let last = state.history.last, last.key > frame.key {
            state.history = []
            (state.historyBytes, state.forgotten) = (0, 0)
        }
        guard state.history.last?.key != frame.key else { return }
        state.history.append((frame.key, frame.bytes))
        state.historyBytes += frame.bytes.count
        while state.history.count > mostKept || state.historyBytes > mostBytes, state.history.count > 1 {
            let oldest = state.history.removeFirst()
            state.historyBytes -= oldest.bytes.count
            state.forgotten = oldest.key
        }
    }

    private static func nodes(_ bytes: [UInt8]) -> [(name: String, path: String)] {
        ((try? JSON(parsing: bytes))?.array ?? []).compactMap { node in
            guard let name = node["name"]?.string, let path = node["path"]?.string else { return nil }
            return (name, path)
        }
    }

    /// Says it to all who listen.
    func tell(_ name: String, _ bytes: [UInt8]) {
        for listener in state.withLock({ Array($0.listeners.values) }) { listener(name, bytes) }
    }

    /// The state when an entry of the timeline came, of which several may have come with one state. Nil where it is not kept.
    func state(at key: Int) -> [UInt8]? {
        state.withLock { state in
            key > state.forgotten ? state.history.first { $0.key >= key }?.bytes : nil
        }
    }

    var newest: [UInt8]? { state.withLock { $0.state } }
    var nodes: [(name: String, path: String)] { state.withLock { $0.nodes } }

    /// What the newest state says, for who decides by it; the first one is waited for.
    var decoded: JSON? { newest(within: 5000).flatMap { try? JSON(parsing: $0) } }

    /// Waits for the first state, at most so long.
    func newest(within milliseconds: Int) -> [UInt8]? {
        for _ in 0..<max(1, milliseconds / 5) {
            if let bytes = newest { return bytes }
            usleep(5_000)
        }
        return newest
    }

    /// The eye's answer to a command, which must have been asked for by one at a time.
    func answer(within milliseconds: Int, _ ask: () -> Void) -> [UInt8]? {
        state.withLock { $0.answer = nil }
        ask()
        for _ in 0..<max(1, milliseconds / 5) {
            let found = state.withLock { $0.answer }
            if let found { return found }
            usleep(5_000)
        }
        return nil
    }

    /// Nil when too many listen already. Gives how many listen now.
    func listen(_ listener: @escaping Listener) -> (number: UInt64, count: Int)? {
        state.withLock { state in
            guard state.listeners.count < Hub.mostListeners else { return nil }
            state.next += 1
            state.listeners[state.next] = listener
            return (state.next, state.listeners.count)
        }
    }

    /// Gives how many listen still.
    func leave(_ number: UInt64) -> Int {
        state.withLock { state in
            state.listeners[number] = nil
            return state.listeners.count
        }
    }
}
