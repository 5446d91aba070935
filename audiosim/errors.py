"""What can go wrong in the world, as types. Wrong arguments are ValueError and TypeError as usual."""


class AudiosimError(Exception):
    """Base of all errors that audiosim raises about the world: files, libraries, tables, devices."""


class AudioError(AudiosimError):
    """A file cannot become a signal; the text is the reason that the catalog keeps for the track."""


class SourceError(AudiosimError):
    """A folder, playlist or table of paths cannot be read."""


class FeatureTableError(AudiosimError, ValueError):
    """A feature table has no usable key or no usable column."""


class LibraryError(AudiosimError):
    """The folder is no library, or cannot be read or written as one."""


class LibraryLockedError(LibraryError):
    """Another process is writing to the library."""


class LibraryVersionError(LibraryError):
    """The library was written by a version of audiosim whose format this one does not know."""


class StoreMismatchError(LibraryError, ValueError):
    """Stored values were made with other parameters than those asked for; they are never mixed."""


class NotComputedError(LibraryError, LookupError):
    """The question needs features or distances that the library does not hold yet."""


class TrackNotFoundError(AudiosimError, LookupError):
    """No track, or more than one, answers to the name."""


class SettingsError(AudiosimError, ValueError):
    """A settings file, environment variable or option holds an unknown key or an impossible value."""


class OnlineError(AudiosimError):
    """A service on the network did not give what was asked for."""


class OfflineError(OnlineError):
    """Something is wanted from the network, which was forbidden."""


class NotThereError(OnlineError, LookupError):
    """A service says that there is no such thing."""


class BusyServiceError(OnlineError):
    """A service asks to come again later."""
