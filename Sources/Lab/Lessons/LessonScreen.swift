import CKernel
import Glibc
import NetCore
import Topology

/// A lesson as a screen: where one is, the world as the kernel has it just now, the goal and the tasks.
public struct LessonScreen: Hashable, Sendable {
    public var columns: Int
    public var ascii: Bool

    public init(columns: Int, ascii: Bool = false) { (self.columns, self.ascii) = (columns, ascii) }

    /// As wide as COLUMNS says, or the terminal, or 80.
    public static func standard(ascii: Bool = false) -> LessonScreen {
        if let text = getenv("COLUMNS"), let columns = Int(String(cString: text)), (20...1000).contains(columns) {
            return LessonScreen(columns: columns, ascii: ascii)
        }
        var size = winsize()
        let isKnown = ioctl(1, UInt(TIOCGWINSZ), &size) == 0 && size.ws_col >= 20
        return LessonScreen(columns: isKnown ? Int(size.ws_col) : 80, ascii: ascii)
    }

    /// Of lines no wider than 80 columns.
    var width: Int { min(columns, 80) }

    /// What a terminal without other letters shows instead: all meaning is in the words beside them.
    func plain(_ text: String) -> String {
        guard ascii else { return text }
        let pairs: [(Character, String)] = [
            ("✓", "*"), ("✗", "x"), ("▸", ">"), ("→", "->"), ("·", "-"), ("…", "..."), ("⟶", "->"), ("▶", ">"),
            ("◀", "<"), ("─", "-"), ("│", "|"), ("╬", "#"), ("└", "+"), ("┘", "+"), ("┌", "+"), ("┐", "+"),
            ("├", "+"), ("┤", "+"), ("┬", "+"), ("┴", "+"), ("┼", "+"),
        ]
        return text.map { letter in pairs.first { $0.0 == letter }?.1 ?? String(letter) }.joined(by: "")
    }

    /// Printed; without its picture where the world cannot be looked at, and where that might tell what is broken.
    func put(_ running: RunningLesson) {
        guard running.lesson.trouble == nil else { return print(running.text(self), terminator: "") }
        let code = Apart.run { () throws(LabError) in
            try running.world.enter()
            print(running.text(self, picture: try running.world.picture(self)), terminator: "")
            return 0
        }
        guard code != 0 else { return }
        print(running.text(self), terminator: "")
        fflush(nil)
    }
}

extension World {
    /// The world as the kernel has it: boxes and cables, or a list in less than 80 columns. The calling process must have entered.
    func picture(_ screen: LessonScreen) throws(LabError) -> String {
        do throws(TopologyError) {
            let map = try NetworkMap(reading: references.map { NetworkMap.Subject($0) })
            return map.text(columns: screen.columns, ascii: screen.ascii)
        } catch {
            throw LabError(
                .kernel, "cannot draw world \(description.name)", cause: "\(error)",
                fix: "build it anew: berth lab reset")
        }
    }
}
