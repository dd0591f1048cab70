import Glibc
import JSON
import NetCore

/// In a world of containers what a learner does is containers: undone, they are removed.
extension World {
    /// What stands now is where the learner begins; what follows belongs to the lesson's first open task.
    func beginHere() {
        recordFromHere()
        for name in ["lesson", "task"] { keepContainers(name) }
    }

    /// A task is done: the next one begins here.
    func beginTask() {
        _ = RecorderLine.ask(.task, at: recorder)
        keepContainers("task")
    }

    /// The newest container that the learner has made is gone, or every one since the open task began. Gives a line for each. Throws
    /// E-NAME when there is none.
    func removeContainers(sinceTaskBegan isTask: Bool) throws(LabError) -> String {
        let daemon = try LabDaemon(self)
        let before = Set(kept(isTask ? "task" : "lesson", daemon))
        // The newest first, as Docker has them.
        let mine = try ids(daemon).filter { !before.contains($0.id) }
        guard let newest = mine.first else {
            throw LabError(
                .name, "there is nothing to undo",
                cause: "no container has come since \(isTask ? "the open task" : "the lesson") began",
                fix: "see what there is: berth lab exec host -- berth ps -a; to build the world anew: berth lab reset")
        }
        var lines: [String] = []
        for one in isTask ? mine : [newest] {
            try daemon.order("DELETE", "/containers/\(one.id)", [("force", "1"), ("v", "1")])
            lines.append("undone: container \(one.name) is removed")
        }
        return lines.joined(separator: "\n")
    }

    private func ids(_ daemon: LabDaemon) throws(LabError) -> [(id: String, name: String)] {
        let all = try daemon.json("GET", "/containers/json", [("all", "1")]).array ?? []
        return all.compactMap { one in
            guard let id = one["Id"]?.string else { return nil }
            let name = one["Names"]?.array?.first?.string ?? id
            return (id, name.hasPrefix("/") ? String(name.dropFirst()) : name)
        }
    }

    /// Containers that are there now are not undone. Where that cannot be kept, the daemon is gone, and with it what could be undone.
    private func keepContainers(_ name: String) {
        guard description.hasContainers, let daemon = try? LabDaemon(self), let all = try? ids(daemon) else { return }
        let text = all.map { $0.id + "\n" }.joined()
        try? Files.replace("\(daemon.root)/run/lab/\(name)", with: Array(text.utf8))
    }

    private func kept(_ name: String, _ daemon: LabDaemon) -> [String] {
        let bytes = (try? Files.read("\(daemon.root)/run/lab/\(name)", limit: 1 << 20)) ?? []
        return String(decoding: bytes, as: UTF8.self).split(separator: "\n").map(String.init)
    }
}
