import Glibc
import NetCore

// What is known of a container and finds no room on the disk is written down as soon as there is some.
extension Containers {
    /// As `save`, for what has happened and cannot be refused any more.
    func keep(_ container: Container) {
        do throws(APIError) { try container.save() } catch { keepLater(container) }
    }

    private func keepLater(_ container: Container) {
        let isFirst = container.state.change { state in
            defer { state.isUnwritten = true }
            return !state.isUnwritten
        }
        guard isFirst else { return }
        Threads.start {
            var pause = 500
            while true {
                // One that is removed has nothing more to be written down.
                let isGone = container.state.wait(milliseconds: pause) { $0.isGone ? true : nil } ?? false
                if isGone { return }
                pause = min(pause * 2, 4000)
                // Told before it is tried: who cannot write meanwhile begins anew.
                container.state.change { $0.isUnwritten = false }
                do throws(APIError) { return try container.save() } catch {
                    container.state.change { $0.isUnwritten = true }
                }
            }
        }
    }

    /// A policy's start found no room on the disk: it is tried again until there is some. The caller is alone with the container.
    func restartWhenThereIsRoom(_ container: Container) {
        container.state.change { $0.status = .restarting }
        keep(container)
        restart(container, after: 2000)
    }
}

extension Faults {
    /// The disk has no room, whichever of our programs met it.
    static func isFull(_ error: APIError) -> Bool {
        [ENOSPC, EDQUOT].contains { error.description.holds("\(Errno($0))") }
    }
}
