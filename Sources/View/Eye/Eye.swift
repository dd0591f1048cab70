import CKernel
import Glibc
import JSON
import Lab
import NetCore
import Topology
import Trace

/// The process that looks: it has one thread, so that it may enter a world's user namespace, which a server with threads may not.
/// It tells its parent, the server, what it sees, at most twenty times a second, and ends with it.
final class Eye {
    /// Milliseconds between two states.
    static let pause: Int64 = 50
    /// After the first word of a change, for the rest of it.
    static let gathering: Int64 = 10

    private let wish: EyeWish
    private let subjects: () throws -> [NetworkMap.Subject]
    private let world: World?
    private let file: ProgressFile?
    private var sources: EyeSources
    private var commands = EyeCommands()
    private var nodes: [NetworkMap.Subject]

    private var sight = Sight()
    private var lesson: LessonSight?
    private var timeline = Timeline()
    private var state = StateJSON()
    private var flows: FlowRows?
    private var flowsTold: Int64 = 0

    private var told = JSONObject()
    private var number = 0
    private var isWatched = false
    private var use: Int32 = -1

    /// Of a world the process has entered it. Throws when the nodes cannot be read.
    init(
        _ wish: EyeWish, _ world: World?, _ file: ProgressFile?, folder: Int32, recorder: Int32,
        _ subjects: @escaping () throws -> [NetworkMap.Subject]
    ) throws {
        (self.wish, self.world, self.file, self.subjects) = (wish, world, file, subjects)
        nodes = try subjects()
        sources = try EyeSources(nodes.map(\.reference), recorder: recorder, folder: folder)
        state.kind = world == nil ? "host" : "lab"
        state.mayProbe = world != nil || wish.allowsProbe
        if let world, let own = Lesson.standing(in: world) {
            lesson = LessonSight(own)
            state.lesson = own.id
            state.mayLab = true
            state.title = "\(own.id) \(own.title)"
        } else {
            state.title = world.map { "world \($0.description.name)" } ?? "host"
        }
    }

    static var now: Int64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000
    }

    /// "14:03:22", in UTC.
    static var clock: String { String(UniversalTime.text(Glibc.time(nil)).dropFirst(11).prefix(8)) }

    // MARK: the loop

    /// Until the server is gone, or something else is to be looked at. Throws what it could not tell.
    func run() throws -> EyeEnd {
        try sight.readMap(nodes)
        sight.readRules(nodes)
        sight.readFlows(nodes)
        flows = FlowRows(sight, before: nil)
        if let file { _ = lesson?.read(file) }
        try tell(nodeNames, as: .nodes)
        try tell(lesson?.identity ?? .null, as: .lesson)
        state.probe = StateJSON.probe(lesson?.lesson.usualProbe, sight.map)
        try show(asTask: false)
        var (news, due) = (EyeSources.News(), Int64.max)
        var last = Eye.now
        var tick = last + 1000
        while true {
            let isTicking = isWatched || world != nil
            var wait = isTicking ? tick - Eye.now : 5000
            if due < .max { wait = min(wait, due - Eye.now) }
            var polled = ([STDIN_FILENO] + sources.descriptors).map {
                pollfd(fd: $0, events: Int16(POLLIN), revents: 0)
            }
            let ready = poll(&polled, nfds_t(polled.count), Int32(clamping: max(wait, 0)))
            if ready > 0 {
                if polled[0].revents != 0 {
                    for command in commands.take() { try obey(command, &news) }
                    if commands.isOver { return .isUnwanted }
                }
                let more = try sources.take()
                news.map = news.map || more.map
                news.traffic = news.traffic || more.traffic
                news.progress = news.progress || more.progress
            }
            let now = Eye.now
            if now >= tick {
                tick = now + 1000
                if hasGone { return try end() }
                // Counters, and clocks that packets have set anew: of these the kernel tells nobody.
                if isWatched { news.traffic = true }
                if world == nil, isWatched || ready == 0 { news.map = true }
            }
            guard news.map || news.traffic || news.progress else { continue }
            if due == .max { due = max(now + Eye.gathering, last + Eye.pause) }
            guard now >= due else { continue }
            do {
                if try !look(news) { return .again }
            } catch  where hasGone {
                return try end()
            }
            (news, due, last) = (EyeSources.News(), .max, Eye.now)
        }
    }

    private var hasGone: Bool { world.map { !$0.stands } ?? false }

    /// The world's last picture, with what to do now.
    private func end() throws -> EyeEnd {
        let name = state.lesson ?? world?.description.name ?? ""
        state.problem = StateJSON.problem(
            "gone", "This lab ended. Start it again: berth lab start \(name)", ["berth lab start \(name)"])
        (state.mayProbe, state.mayLab) = (false, false)
        try show(asTask: false)
        return .hasGone
    }

    /// False when other nodes are to be looked at.
    private func look(_ news: EyeSources.News) throws -> Bool {
        let before = sight
        if news.map {
            let found = world == nil ? try subjects() : nodes
            if found.map(\.reference) != nodes.map(\.reference) {
                // Nothing but the host is left, where that alone was not asked for.
                if wish.what == .any, found.count < 2 { return false }
                // Listening comes first: what changes while it is read is read next.
                sources = try EyeSources(found.map(\.reference), recorder: -1, folder: -1)
                nodes = found
                try tell(nodeNames, as: .nodes)
            }
            nodes = found
            try sight.readMap(nodes)
        }
        if news.map || news.traffic { sight.readRules(nodes) }
        if news.map || news.traffic { sight.readFlows(nodes) }
        if news.progress, let file { _ = lesson?.read(file) }
        if news.map { _ = timeline.note(sight, since: before, at: Eye.clock) }
        if news.map || news.traffic {
            let rows = FlowRows(sight, before: flows)
            let isNew = flows.map { rows.differs(from: $0, after: Double(Eye.now - flowsTold) / 1000) } ?? true
            if isNew {
                flows = rows
                flowsTold = Eye.now
            }
        }
        try show(asTask: news.progress)
        return true
    }

    private func obey(_ command: EyeCommands.Command, _ news: inout EyeSources.News) throws {
        switch command {
        case .watched(let isWatched):
            self.isWatched = isWatched
            // A world whose page is open is in use.
            if isWatched, use < 0, let world { use = (try? world.use()) ?? -1 }
            if !isWatched, use >= 0 {
                close(use)
                use = -1
            }
            news.traffic = true
        case .check(let check):
            lesson?.take(check: check)
            if let file { _ = lesson?.read(file) }
            try show(asTask: true)
            try tell(state.tasks, as: .answer)
        case .goals(let goals):
            lesson?.take(goals: goals)
            try show(asTask: false)
        case .forget(let id): try tell(forget(id), as: .answer)
        case .journey: news.traffic = true
        }
    }

    // MARK: telling

    /// What is new goes to the server: a whole state, or what alone has changed and the state to be kept.
    private func show(asTask: Bool) throws {
        state.timeline = timeline.json
        if let lesson {
            state.tasks = lesson.tasks
            state.goal = lesson.goal(for: sight.map)
        }
        state.flows = flows?.json ?? .array([])
        let body = state.body(sight)
        guard body != told else {
            if asTask { try tell(state.tasks, as: .task) }
            return
        }
        let (old, isFirst) = (told, number == 0)
        told = body
        number += 1
        let parts = ["conntrack", "tasks"]
        var rest = body
        var oldRest = old
        for part in parts {
            rest[part] = .null
            oldRest[part] = .null
        }
        let bytes = StateJSON.text(body, time: Eye.clock, number: number)
        guard !isFirst, rest == oldRest else {
            try write(Frame(name: .state, key: timeline.last, bytes: bytes))
            if asTask { try tell(state.tasks, as: .task) }
            return
        }
        try write(Frame(name: .keep, key: timeline.last, bytes: bytes))
        if body["conntrack"] != old["conntrack"] { try tell(state.flows, as: .conntrack) }
        if body["tasks"] != old["tasks"] || asTask { try tell(state.tasks, as: .task) }
    }

    private var nodeNames: JSON {
        .array(
            nodes.map { ["name": .string($0.reference.name), "path": .string($0.reference.namespace)] })
    }

    private func tell(_ json: JSON, as name: Frame.Name) throws {
        try write(Frame(name: name, key: 0, bytes: json.bytes))
    }

    private func write(_ frame: Frame) throws { try frame.write(to: STDOUT_FILENO) }

    // MARK: flows

    private func forget(_ id: String) -> JSON {
        guard let slash = id.lastIndex(of: "/"), let number = UInt32(id[id.index(after: slash)...], radix: 16),
            let subject = nodes.first(where: { $0.reference.name == String(id[..<slash]) })
        else { return ["error": .string("no flow is called \(id)"), "status": 400, "fix": "take one that is shown"] }
        let name = subject.reference.name
        do throws(KernelError) {
            let home = try NetworkNamespace.current()
            let namespace = try NetworkNamespace(open: subject.reference.namespace)
            var socket = try NetlinkSocket(NETLINK_NETFILTER, in: namespace, home: home.number)
            guard let entry = try socket.trackedFlows().first(where: { $0.flow.id == number }),
                try socket.forget(entry)
            else {
                return [
                    "error": .string("the flow is not tracked by \(name) any more"), "status": 404,
                    "fix": "nothing is left to do",
                ]
            }
            return ["text": .string("\(name): 1 flow forgotten")]
        } catch {
            return [
                "error": .string("cannot forget the flow in \(name): \(error)"), "status": 500,
                "fix": "see what the kernel says of it: dmesg",
            ]
        }
    }
}
