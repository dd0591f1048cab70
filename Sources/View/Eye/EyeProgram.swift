import CContainer
import CKernel
import Glibc
import JSON
import Lab
import NetCore
import Topology

/// `view-eye WISH`, what the server executes to look. The process has one thread.
enum EyeProgram {
    /// `host` gives this host's nodes.
    static func run(_ words: [String], host: @escaping () throws -> [NetworkMap.Subject]) -> Int32 {
        guard words.count == 1, let json = try? JSON(parsing: Array(words[0].utf8)), let wish = EyeWish(json) else {
            return 2
        }
        // The terminal's signals are for the server, which ends this one by closing its pipe; killed, it takes it along.
        signal(SIGINT, SIG_IGN)
        signal(SIGPIPE, SIG_IGN)
        berth_die_with(SIGTERM)
        do {
            return try begin(wish, host).rawValue
        } catch {
            let text = "berth view: \(error)\n"
            _ = write(STDERR_FILENO, text, text.utf8.count)
            return 1
        }
    }

    private static func begin(_ wish: EyeWish, _ host: @escaping () throws -> [NetworkMap.Subject]) throws -> EyeEnd {
        if wish.what != .host, let world = try World.running() { return try look(at: world, wish) }
        if wish.gone != nil { return try waitForWorld(wish, host) }
        guard wish.what != .lab else { return try tellProblem(wish, empty(wish), host) }
        do {
            let nodes = try host()
            if wish.what == .any, nodes.count < 2 { return try tellProblem(wish, empty(wish), host) }
            return try Eye(wish, nil, nil, folder: -1, recorder: -1, host).run()
        } catch let error as TopologyError {
            guard case .kernel(let cause, _) = error, isRefusal(cause.errno) else { throw error }
            return try tellProblem(wish, denied, host)
        } catch EyeRefusal.privilege {
            return try tellProblem(wish, denied, host)
        }
    }

    private static func isRefusal(_ errno: Errno) -> Bool { errno == .notPermitted || errno == .accessDenied }

    private static func look(at world: World, _ wish: EyeWish) throws -> EyeEnd {
        // What is outside is found before the process is in the world.
        let file = try ProgressFile.standard()
        let folder = inotify_init1(Int32(IN_NONBLOCK | IN_CLOEXEC))
        if folder >= 0 { inotify_add_watch(folder, Files.directory(of: file.path), UInt32(IN_MOVED_TO)) }
        let recorder = world.changes() ?? -1
        setenv("XTABLES_LOCKFILE", world.legacyLock, 1)
        try world.enter()
        let references = world.references.map { NetworkMap.Subject($0) }
        return try Eye(wish, world, file, folder: folder, recorder: recorder) { references }.run()
    }

    // MARK: nothing to look at

    private static func empty(_ wish: EyeWish) -> JSON {
        StateJSON.problem(
            "empty",
            wish.what == .lab
                ? "No lab stands. Start one, and it is shown here:"
                : "No lab stands, and nothing is attached to this host. Start something, and it is shown here:",
            ["berth lab start 01", "berth lab start standard", "sudo berth view --host"])
    }

    private static var denied: JSON {
        StateJSON.problem(
            "denied",
            "Reading other namespaces needs root. Run: sudo berth view --host — or try a lab: berth lab start 01",
            ["sudo berth view --host", "berth lab start 01"])
    }

    /// One box, and the sentence; until there is something to look at.
    private static func tellProblem(
        _ wish: EyeWish, _ problem: JSON, _ host: () throws -> [NetworkMap.Subject]
    ) throws -> EyeEnd {
        var state = StateJSON()
        state.kind = wish.what == .lab ? "lab" : "host"
        state.title = wish.what == .lab ? "no lab" : "host"
        state.problem = problem
        var sight = Sight()
        sight.map = NetworkMap(nodes: [NetworkMap.Node("host")])
        let text = StateJSON.text(state.body(sight), time: Eye.clock, number: 1)
        try Frame(name: .nodes, key: 0, bytes: Array("[]".utf8)).write(to: STDOUT_FILENO)
        try Frame(name: .lesson, key: 0, bytes: Array("null".utf8)).write(to: STDOUT_FILENO)
        try Frame(name: .state, key: 0, bytes: text).write(to: STDOUT_FILENO)
        return try waitForWorld(wish, host)
    }

    private static func waitForWorld(_ wish: EyeWish, _ host: () throws -> [NetworkMap.Subject]) throws -> EyeEnd {
        var commands = EyeCommands()
        let began = Eye.now
        while true {
            var polled = pollfd(fd: STDIN_FILENO, events: Int16(POLLIN), revents: 0)
            if poll(&polled, 1, 300) > 0 {
                for case .forget in commands.take() {
                    try Frame(name: .answer, key: 0, bytes: gone.bytes).write(to: STDOUT_FILENO)
                }
                if commands.isOver { return .isUnwanted }
            }
            if wish.what != .host, try World.running() != nil { return .again }
            // Who builds the next world has the progress meanwhile.
            if wish.endsWithWorld, Eye.now - began > 1500 { return try World.successor() == nil ? .over : .again }
            if wish.what == .any, wish.gone == nil, (try? host().count) ?? 0 > 1 { return .again }
        }
    }

    private static let gone: JSON = [
        "error": "no world stands", "status": 404, "fix": "start one: berth lab start next",
    ]
}

/// This host's nodes are root's to read.
public enum EyeRefusal: Error { case privilege }
