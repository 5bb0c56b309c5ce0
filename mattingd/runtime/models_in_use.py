"""Decide which model a daemon starts with."""

from mattingd.config import ConfigError, Settings
from mattingd.domain.commands import UseModel
from mattingd.domain.jobs import Models
from mattingd.journal import JournalWriter
from mattingd.workers.installed import configured_model, missing_models


def models_in_use(settings: Settings, journal: JournalWriter) -> Models:
    """Return the models of the journal, unless the configuration names another one by now.

    Raises:
        ConfigError: a model that is named in the configuration is not installed.
    """
    if missing := missing_models(settings):
        raise ConfigError(missing)
    models, wanted = journal.models(), configured_model(settings)
    if wanted is None or wanted == models.current:
        return models
    models = Models(wanted, models.current)
    journal.apply([UseModel(models)])
    return models
