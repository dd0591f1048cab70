import Glibc
import NetCore

extension World {
    /// What stands now is where the learner begins: nothing before it is undone.
    func recordFromHere() { _ = RecorderLine.ask(.begin, at: recorder) }

    /// The learner's last change in the world that stands, or in the one in which this process is, is undone, or every one since the
    /// open task began. Gives a line that says what. Throws E-MISSING without a world, E-NAME when there is nothing to undo.
    public static func undo(sinceTaskBegan isTask: Bool) throws(LabError) -> String {
        // In the world's own shells the state file is out of sight.
        let place = access(RecorderLine.socket, F_OK) == 0 ? RecorderLine.socket : try standing().recorder
        guard let answer = RecorderLine.ask(isTask ? .undoTask : .undo, at: place, seconds: 60) else {
            throw LabError(
                .kernel, "the world's recorder does not answer", cause: "it listens at \(place)",
                fix: "build the world anew: berth lab reset")
        }
        guard answer != RecorderLine.nothing else {
            throw LabError(
                .name, "there is nothing to undo",
                cause: isTask
                    ? "nothing has changed since the open task began" : "the world is as it was when you began",
                fix: "see what it is: berth lab status; to build it anew: berth lab reset")
        }
        return answer
    }
}

extension LessonCommands {
    /// 0 when something was undone whole, 1 when there was nothing, or something could not be undone.
    public static func undo(sinceTaskBegan: Bool) throws(LabError) -> Int32 {
        let world = try World.running()
        let answer =
            if let world, world.description.hasContainers {
                try world.removeContainers(sinceTaskBegan: sinceTaskBegan)
            } else {
                try World.undo(sinceTaskBegan: sinceTaskBegan)
            }
        print(answer)
        fflush(nil)
        return answer.split(separator: "\n").contains { $0.hasPrefix(RecorderLine.refusal) } ? 1 : 0
    }
}
