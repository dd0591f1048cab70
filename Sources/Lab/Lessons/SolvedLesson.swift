import CContainer
import CKernel
import Glibc
import NetCore
public import Topology

/// What a lesson's world is like when it is solved: built beside the learner's, in namespaces of its own, by the lesson's own
/// commands, read, and ended. Nothing of it is the learner's, neither progress nor anything in their world.
public struct SolvedLesson {
    private let lesson: Lesson
    private let backend: Backend
    private let directory: LabDirectory

    /// `directory` is where the world's state stands meanwhile; nobody else's.
    public init(_ lesson: Lesson, _ backend: Backend, in directory: LabDirectory) {
        (self.lesson, self.backend, self.directory) = (lesson, backend, directory)
    }

    /// The world as the lesson begins, then after each task's solution. The process must have one thread, and has entered the world
    /// afterwards. Throws what `World.start` throws, and what kept a command from being run; then nothing is left of it.
    public func maps() throws(LabError) -> [NetworkMap] {
        try backend.mustBeHere(for: lesson)
        let world = try World.start(lesson.world, in: directory)
        do throws(LabError) {
            let maps = try maps(of: world)
            try world.stop()
            return maps
        } catch {
            try? world.stop()
            throw error
        }
    }

    private func maps(of world: World) throws(LabError) -> [NetworkMap] {
        try world.enter()
        for service in lesson.services {
            try run(
                ["/proc/self/exe", "lab-serve", service.node, "\(service.port)"] + service.words, service.node, world)
        }
        for command in lesson.start[backend] { try type(command.here(backend), world) }
        var maps = [try world.map()]
        for task in lesson.tasks {
            if !task.needsBridgeFilter || BridgeFilter.isHere {
                for command in task.solution[backend] { try type(command.here(backend), world) }
            }
            maps.append(try world.map())
        }
        return maps
    }

    private func type(_ command: LessonCommand, _ world: World) throws(LabError) {
        try run(["sh", "-c", "exec >/dev/null 2>&1; \(command.line)"], command.node, world)
    }

    private func run(_ words: [String], _ node: String, _ world: World) throws(LabError) {
        let code = try world.run(words, in: node, isRecorded: false)
        guard code == 0 else {
            throw LabError(
                .kernel, "cannot solve lesson \(lesson.id)",
                cause: "in \(node), exit code \(code): \(words.last ?? "")",
                fix: "the picture of the goal is missing; everything else works")
        }
    }
}

extension World {
    /// What now stands in it. The calling process must have entered.
    public func map() throws(LabError) -> NetworkMap {
        do throws(TopologyError) {
            return try NetworkMap(reading: references.map { NetworkMap.Subject($0) })
        } catch {
            throw LabError(
                .kernel, "cannot read world \(description.name)", cause: "\(error)",
                fix: "build it anew: berth lab reset")
        }
    }
}
